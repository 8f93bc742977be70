import pytest

from codelm.errors import DamagedDataError
from codelm.evaluation.tasks.cursor import SHAPES
from experiments.ablation.measure import INFILL, LEFT_TO_RIGHT, CommitNll, Measured
from experiments.ablation.results import Result, append, of_experiment, read_results
from experiments.ablation.rows import Experiment
from experiments.ablation.table import no_table, table
from experiments.ablation.trained import Trained

EXPERIMENT = Experiment({}, "fd", "f" * 40, steps=12, test_tokens=1000)
ABOUT = {"repository": "fd", "tip": "f" * 40, "base": "tiny", "steps": 12}


def made(row="ours", seed=0, factor=0.9, commits=40):
    """A result in which each commit's nll is ``factor`` times that of the base, half of it in either form.

    At a cursor it is ``factor`` squared to the end of a line, and ``factor`` inside one.
    """
    parts = [
        CommitNll(str(number), form, 10, 5.0, 5.0 * factor)
        for number in range(commits)
        for form in (INFILL, LEFT_TO_RIGHT)
    ]
    cursor = [
        CommitNll(str(number), shape, 10, 5.0, 5.0 * tuned)
        for number in range(commits)
        for shape, tuned in zip(SHAPES, (factor**2, factor), strict=True)
    ]
    return Result(EXPERIMENT.key, row, seed, Trained(2000, 1000, 9.5, {}), Measured("c" * 40, parts, cursor), ABOUT)


def cells(results):
    """The table as {row: {heading: cell}}."""
    split = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table(results).splitlines()]
    headings, _, *rows = (row for row in split if len(row) > 1)
    names = [f"{name} of {headings[place - 1]}" if name == "95 %" else name for place, name in enumerate(headings)]
    return {row[0]: dict(zip(names, row, strict=False)) for row in rows}


def shown(*results):
    return cells({(each.row, each.seed): each for each in results})


def test_what_is_written_is_read_results(tmp_path):
    for result in (made(), made("peer", seed=2)):
        append(tmp_path / "results.jsonl", result)
    assert read_results(tmp_path / "results.jsonl") == [made(), made("peer", seed=2)]
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2


def test_results_of_other_experiments_are_left_alone():
    other = Experiment({}, "fd", "f" * 40, steps=15, test_tokens=1000)
    assert set(of_experiment([made()], EXPERIMENT)) == {("ours", 0)}
    assert not of_experiment([made()], other)


def test_a_damaged_file_is_reported_and_not_written_over(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"row": "ours"\n')
    with pytest.raises(DamagedDataError, match=r"results\.jsonl cannot be read"):
        read_results(path)


def test_a_folder_in_place_of_results_is_reported(tmp_path):
    with pytest.raises(DamagedDataError, match="cannot be read"):
        read_results(tmp_path)


def test_a_name_that_no_file_can_have_is_reported(tmp_path):
    with pytest.raises(DamagedDataError, match=r"cannot be read: .*File name too long"):
        read_results(tmp_path / ("a" * 300))


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path, monkeypatch):
    from pathlib import Path

    path = tmp_path / "results.jsonl"
    append(path, made())

    def refuse(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        append(path, made("peer"))
    assert read_results(path) == [made()]
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]


def test_a_row_is_compared_with_the_base_and_with_ours():
    found = shown(made("peer", factor=0.95), made("ours", factor=0.9))
    assert (found["ours"]["against base"], found["peer"]["against base"]) == ("-10.00 %", "-5.00 %")
    assert found["peer"]["against ours"] == "+5.56 %"
    assert found["ours"]["95 % of against base"] == "-10.00 to -10.00"


def test_what_begins_at_a_cursor_has_columns_of_its_own():
    found = shown(made("peer", factor=0.95), made("ours", factor=0.9))
    assert (found["ours"]["to a line's end"], found["ours"]["inside a line"]) == ("-19.00 %", "-10.00 %")
    assert found["ours"]["95 % of inside a line"] == "-10.00 to -10.00"
    assert found["ours"]["at a cursor"] == ""
    assert found["peer"]["at a cursor"] == "+8.33 %"  # 0.95² + 0.95 against 0.9² + 0.9


def test_figures_are_means_over_seeds():
    found = shown(made(seed=0, factor=0.9), made(seed=1, factor=0.8))
    assert found["ours"]["against base"] == "-15.00 %"
    assert found["ours"]["single seeds"] == "-10.00 % -20.00 %"
    assert float(found["ours"]["`bpb_new`"]) == pytest.approx(0.85 * float(found["base"]["`bpb_new`"]), abs=1e-4)


def test_a_row_of_one_seed_is_compared_with_ours_of_that_seed():
    found = shown(made(seed=0, factor=0.9), made(seed=1, factor=0.1), made("-fim", seed=0, factor=0.9))
    assert found["-fim"]["against ours"] == "+0.00 %"


def test_without_a_common_seed_nothing_is_compared_with_ours():
    assert shown(made(seed=0), made("-fim", seed=1))["-fim"]["against ours"] == ""


def test_few_commits_give_no_interval():
    found = shown(made(commits=5))
    assert found["ours"]["95 % of against base"] == "too few: 5 commits"


def test_a_form_that_does_not_occur_is_left_open():
    result = made()
    left_to_right = [part for part in result.measured.parts if part.form == LEFT_TO_RIGHT]
    only = Result(EXPERIMENT.key, "ours", 0, result.trained, Measured("c" * 40, left_to_right, []), ABOUT)
    assert shown(only)["ours"]["filling gaps"] == "-"
    assert shown(only)["ours"]["to a line's end"] == "-"


def test_the_caption_states_where_the_comparison_favours_ours():
    text = table({("ours", 0): made()})
    assert "names of repository and file, which the peer never saw" in text
    assert "best of 3 looks" in text
    assert "of the peer the last step" in text


def test_one_commit_is_one():
    assert "in 1 test commit. " in table({("ours", 0): made(commits=1)})


def test_without_results_of_these_settings_the_message_names_those_that_exist(tmp_path):
    assert no_table([], tmp_path / "fd.jsonl") == f"no run has finished: results {tmp_path / 'fd.jsonl'} hold none"
    text = no_table([made(), made("peer")], tmp_path / "fd.jsonl")
    assert f"{tmp_path / 'fd.jsonl'} holds 2 runs of another" in text
    assert "--steps (there: 12)" in text
