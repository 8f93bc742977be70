import re

import pytest

from codelm.report.by_commit import over_time
from codelm.report.page import page


def shown(*commits):
    """Return the picture of commits, given as (bytes, base, tuned)."""
    about = {"commit": "a" * 40, "time": 0, "subject": ""}
    rows = [about | dict(zip(("bytes", "base", "tuned"), commit, strict=True)) for commit in commits]
    return over_time({"by_commit": rows, "floors": None})


def points(picture, class_):
    """Return the points (x, y) of the first line or area of a class."""
    found = re.search(rf'points="([^"]*)" class="{class_}"', picture.drawings)[1]
    return [tuple(map(float, point.split(","))) for point in found.split()]


def test_the_running_mean_weighs_commits_by_their_bytes():
    small, large = (1, 1.0, 1.0), (10**9, 2.0, 2.0)
    heights = [y for _, y in points(shown(*[small] * 6, large, *[small] * 6), "trail base")]
    assert len(set(heights[4:9])) == 1
    assert len({heights[3], heights[6], heights[9]}) == 2


@pytest.mark.parametrize(
    ("commits", "lines"), [(2, "the dots joined"), (12, "the dots joined"), (13, "over 5 commits"), (110, "over 11")]
)
def test_few_commits_are_joined_and_many_are_smoothed(commits, lines):
    assert lines in shown(*[(1, 1.0, 1.0)] * commits).caption


def test_where_lines_cross_the_shades_meet():
    (_, first), (middle, crossing), (_, last), *_ = points(shown((1, 1.0, 2.0), (1, 2.0, 1.0)), "won")
    assert middle == 34 + (800 - 34) / 2
    assert first == last > crossing


def test_each_commit_has_its_two_dots_in_both_sizes(some_figures):
    likelihood = some_figures()["likelihood"]
    dots = re.findall(r'class="dot (\w+)"', over_time(likelihood).drawings)
    assert dots.count("base") == dots.count("tuned") == 2 * len(likelihood["by_commit"])


def test_both_xz_baselines_are_drawn_dashed_in_both_sizes(some_figures):
    assert over_time(some_figures()["likelihood"]).drawings.count('<line x1="34" y1') >= 2
    assert over_time(some_figures()["likelihood"]).drawings.count('class="floor"') == 4


def test_commits_whose_dates_go_back_are_not_called_older(some_figures):
    likelihood = some_figures()["likelihood"]
    likelihood["by_commit"][-1]["time"] = 0
    assert "110 commits in the order of the history, evenly spaced." in over_time(likelihood).caption
    assert "oldest" not in over_time(likelihood).caption


def test_a_compressor_that_was_given_no_repository_is_not_called_one_that_knows_it(some_figures):
    likelihood = some_figures()["likelihood"]
    assert "what the compressor xz needs, alone and knowing the repository." in over_time(likelihood).caption
    likelihood["floors"] |= {"xz_given_snapshot": None}
    assert "what the compressor xz needs, alone." in over_time(likelihood).caption


def test_a_history_without_single_commits_says_so(some_figures):
    figures = some_figures()
    figures["likelihood"] |= {"by_commit": []}
    assert over_time(figures["likelihood"]) is None
    assert "No single commits to show." in page(figures)


def test_one_commit_far_above_the_rest_does_not_flatten_them(some_figures):
    likelihood = some_figures()["likelihood"]
    likelihood["by_commit"][0]["base"] = 400.0
    picture = over_time(likelihood)
    assert ">100</text>" not in picture.drawings
    assert "What lies far above the rest is drawn at the edge." in picture.caption


def test_a_difference_of_nothing_looks_like_nothing():
    heights = re.findall(r'cy="([\d.]+)"', shown((9, 1.0, 0.999)).drawings)
    assert abs(float(heights[0]) - float(heights[1])) < 1
