import contextlib
import json
import logging
from pathlib import Path

import pytest

from codelm.runs import figures as module
from codelm.runs.figures import FOLDER, REPORT, epoch_figures, prompt_pairs, write_report

NOTHING = dict.fromkeys(("likelihood", "general", "cursor", "holes", "idioms", "memory"))
RUN = {"name": "a", "base": "tiny", "repositories": ["a"], "part": "test", "cuts": ["0" * 40], "seconds": 1.0}
FIGURES = {
    "codelm_evaluation": 1,
    "run": RUN | {"best_epoch": None, "written": "2026-01-01T00:00:00+00:00"},
    "notes": [],
}
FIGURES |= NOTHING | {"epochs": [{"epoch": 0}], "prompts": []}


def test_what_is_written_is_read_again_and_an_earlier_report_is_kept_with_what_belongs_to_it(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    each = [[{"path": "a\udcff.rs"}, {"path": "b"}], [{"path": "c"}], [{"path": "d"}]]
    pages = []
    for rows in each:
        write_report(tmp_path, FIGURES | {"epochs": [], "notes": [rows[0]["path"][0]]}, rows)
        pages.append((tmp_path / REPORT).read_text())
    folders = [f"{FOLDER}-1", f"{FOLDER}-2", FOLDER]
    assert {path.name for path in tmp_path.iterdir()} == {REPORT, *folders}
    for rows, folder in zip(each, folders, strict=True):
        found = (tmp_path / folder / "holes.jsonl").read_text().splitlines()
        assert [json.loads(row) for row in found] == rows
    assert [(tmp_path / folder / REPORT).read_text() for folder in folders[:2]] == pages[:2]
    assert [record.getMessage() for record in caplog.records] == [
        f"the report that was there before is kept: {tmp_path / folder / REPORT}" for folder in folders[:2]
    ]


def test_an_earlier_report_that_says_the_same_is_not_kept(tmp_path):
    later = FIGURES["run"] | {"seconds": 9.0, "written": "2026-02-02T00:00:00+00:00"}
    for run in (FIGURES["run"], later):
        write_report(tmp_path, FIGURES | {"epochs": [], "run": run}, [{"path": "a"}])
    assert {path.name for path in tmp_path.iterdir()} == {REPORT, FOLDER}
    assert json.loads((tmp_path / FOLDER / "figures.json").read_text())["run"] == later


@pytest.mark.parametrize("damaged", ["figures.json", "holes.jsonl"])
def test_a_damaged_report_does_not_say_the_same(tmp_path, damaged):
    write_report(tmp_path, FIGURES | {"epochs": []}, [])
    (tmp_path / FOLDER / damaged).write_text("[")
    write_report(tmp_path, FIGURES | {"epochs": []}, [])
    assert (tmp_path / f"{FOLDER}-1" / damaged).read_text() == "["


def test_a_page_that_cannot_be_made_leaves_what_stood_there(tmp_path, monkeypatch):
    def fail(figures):
        raise TypeError

    write_report(tmp_path, FIGURES | {"epochs": []}, [])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr(module, "page", fail)
    with pytest.raises(TypeError):
        write_report(tmp_path, FIGURES | {"epochs": []}, [{"path": "new"}])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("moves", range(6))
def test_one_of_two_whole_reports_stands_in_its_place_whenever_writing_ends(tmp_path, monkeypatch, moves):
    write_report(tmp_path, FIGURES | {"epochs": []}, [{"path": "old"}])
    old, left, replace = (tmp_path / REPORT).read_text(), [None] * moves, Path.replace

    def end(self, target):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", end)
    with contextlib.suppress(KeyboardInterrupt):
        write_report(tmp_path, FIGURES | {"epochs": [], "notes": ["new"]}, [{"path": "new"}])
    assert (tmp_path / REPORT).read_text() == old
    assert '"old"' in "".join(path.read_text() for path in tmp_path.rglob("holes.jsonl"))


def test_an_epoch_is_shown_as_its_change_against_the_base():
    base = {"epoch": 0, "step": 0, "bits": 2.0, "loss": {"base": 4.0, "tuned": 4.0}}
    tuned = {"epoch": 1, "step": 9, "bits": 2.5, "loss": {"base": 4.0, "tuned": 3.0}}
    found = epoch_figures([base, tuned], 9)[1]
    changes = {"repository_change_percent": -25.0, "general_change_percent": 25.0}
    assert found == {"epoch": 1, "step": 9, "chosen": True, **changes}
    for loss in ({"base": None, "tuned": 3.0}, {"base": 4.0, "tuned": None}):
        found = epoch_figures([base, tuned | {"loss": loss}], 0)[1]
        assert (found["repository_change_percent"], found["chosen"]) == (None, False)


def records(*texts):
    """Return the records of behavioural evaluation with one prompt, an epoch for each text, the base's first."""
    return [
        {"epoch": epoch, "step": 3 * epoch, "completions": [{"prompt": "fn main(", "text": text}]}
        for epoch, text in enumerate(texts)
    ]


def test_without_two_evaluations_of_behaviour_there_are_no_illustrations():
    assert [prompt_pairs(each, 0) for each in ([], records(") {}"))] == [[], []]


def test_the_base_s_completions_and_those_of_the_saved_weights_illustrate():
    found = prompt_pairs(records("base", "early", "late"), 3)
    assert found == [{"prompt": "fn main(", "base": "base", "tuned": "early", "epoch": 1}]


def test_where_the_saved_weights_completed_nothing_no_others_illustrate():
    assert prompt_pairs(records("base", "early", "late"), 4) == []
    recorded_without_steps = records("base", "early")
    del recorded_without_steps[1]["step"]
    assert prompt_pairs(recorded_without_steps, 3) == []
