import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.metrics.intervals import MIN_CLUSTERS, mean_difference, relative_change


def test_the_same_numbers_have_no_difference_and_an_interval_of_nothing():
    bits, commits = np.arange(1.0, 101.0), np.arange(100) // 2
    for compare in (relative_change, mean_difference):
        found = compare(bits, bits, commits)
        assert (found.estimate, found.low, found.high, found.clusters) == (0, 0, 0, 50)


def test_a_tenth_less_everywhere_is_a_tenth_less_for_sure():
    bits = np.linspace(1, 9, 60)
    found = relative_change(bits, 0.9 * bits, np.arange(60))
    assert [found.estimate, found.low, found.high] == pytest.approx([-0.1] * 3)


def test_large_items_weigh_more_than_small_ones():
    assert relative_change([90, 10], [45, 10], ["a", "b"]).estimate == pytest.approx(-0.45)
    assert mean_difference([0, 0, 0], [1, 1, 0], ["a", "a", "b"]).estimate == pytest.approx(2 / 3)


def test_with_too_few_commits_there_is_no_interval():
    for commits, has_interval in ((MIN_CLUSTERS - 1, False), (MIN_CLUSTERS, True)):
        found = mean_difference(np.zeros(300), np.ones(300), np.arange(300) % commits)
        assert (found.low is not None, found.clusters) == (has_interval, commits)


def test_items_that_repeat_their_commit_make_nothing_surer():
    rng = np.random.default_rng(1)
    scores = rng.normal(1, 3, 50)
    once = mean_difference(np.zeros(50), scores, np.arange(50))
    often = mean_difference(np.zeros(500), np.repeat(scores, 10), np.repeat(np.arange(50), 10))
    assert [often.low, often.high] == pytest.approx([once.low, once.high])


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, runs, found = np.random.default_rng(2), 60, []
    for _ in range(runs):
        scores = np.repeat(rng.normal(1, 1, 60), 4) + rng.normal(0, 1, 240)
        found.append(mean_difference(np.zeros(240), scores, np.repeat(np.arange(60), 4)))
    hits = sum(each.low <= 1 <= each.high for each in found)
    # One of twenty may miss. An interval too wide would hit always: so its width is held to that of the theory.
    width = np.mean([each.high - each.low for each in found])
    assert 0.85 * runs <= hits < runs
    assert width == pytest.approx(2 * 1.96 * np.sqrt((1 + 1 / 4) / 60), rel=0.1)


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(80)))
def test_the_order_of_items_does_not_matter(order):
    before, after = np.arange(1.0, 81.0), np.arange(2.0, 82.0) % 7
    commits = np.array([f"{index // 2:040x}" for index in range(80)])
    one, two = (relative_change(before[at], after[at], commits[at]) for at in (np.arange(80), np.array(order)))
    assert one.low < one.estimate < one.high
    assert [one.estimate, one.low, one.high] == pytest.approx([two.estimate, two.low, two.high])


@pytest.mark.parametrize(("before", "after", "cluster"), [([], [], []), ([0], [1], ["a"]), ([1, 2], [1, 2], ["a"])])
def test_nothing_to_compare_is_an_error(before, after, cluster):
    with pytest.raises(ValueError, match="cannot compare"):
        relative_change(before, after, cluster)
