from dataclasses import replace

import pytest

from codelm.errors import InputError
from codelm.evaluation import evaluate as module
from codelm.evaluation.evaluate import evaluate
from codelm.evaluation.settings import EvaluationSettings
from codelm.history.samples.formats import Formats

SETTINGS = EvaluationSettings(minutes=60.0, limit=2, tokens=2000, seed=0)
FIGURES = {"found": 1}
TASKS = {
    "likelihood": "likelihood",
    "general": "forgetting",
    "cursor": "cursor",
    "holes": "infilling",
    "idioms": "idioms",
    "memory": "memorization",
}
"""The names of the tasks in the figures, and those of their functions."""

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def short_functions(monkeypatch):
    """Let functions of a few bytes count: random weights end a text soon, with one of its special tokens."""
    monkeypatch.setattr("codelm.metrics.idioms.MIN_BYTES", 20)


@pytest.mark.usefixtures("short_functions")
def test_all_tasks_are_run_and_each_infill_task_is_kept(data, evaluated, caplog):
    with caplog.at_level("INFO"):
        found = evaluate(evaluated, data, SETTINGS)
    logged = [line for line in caplog.messages if line.startswith("evaluation ")]
    assert [line.split(":")[0] for line in logged] == [f"evaluation {number}/6" for number in range(1, 7)]
    assert list(found.figures) == list(TASKS)
    assert all(found.figures[name] for name in TASKS)
    assert len(found.infill_rows) == found.figures["holes"]["tasks"] == 2
    commits, functions = found.notes
    assert commits.startswith("6 held-out commits with new lines are too few for an interval, which takes 30")
    assert functions.endswith("of the tuned model: too few to compare idioms, which takes 25: raise evaluation.limit")


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("error", [InputError("no such grammar"), RuntimeError("out of\nmemory"), KeyError("x")])
def test_a_task_that_fails_has_a_note_and_the_others_have_figures(name, error, data, evaluated, monkeypatch):
    monkeypatch.setattr(module, "evaluation_notes", lambda figures, snapshot: [])
    for each, function in TASKS.items():
        monkeypatch.setattr(module, function, lambda *_, each=each: fail(error) if each == name else FIGURES)
    found = evaluate(evaluated, data, SETTINGS)
    assert found.figures == {each: None if each == name else FIGURES for each in TASKS}
    (note,) = found.notes
    assert note.startswith(f"{name} was not measured: ")
    assert "\n" not in note
    assert str(error.args[0]).split()[0] in note


def fail(error):
    raise error


def test_ctrl_c_is_no_failure_of_a_task(data, evaluated, monkeypatch):
    monkeypatch.setattr(module, "forgetting", lambda *_: fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        evaluate(evaluated, data, SETTINGS)


def test_when_time_is_over_nothing_is_measured_and_each_part_is_named(data, evaluated):
    found = evaluate(evaluated, data, replace(SETTINGS, minutes=1e-9))
    assert found.figures == dict.fromkeys(TASKS)
    assert found.notes == [
        f"no time was left to measure {what}: raise evaluation.minutes"
        for what in (
            "bits per byte of held-out commits",
            "bits per byte of general code",
            "lines of held-out commits from a cursor on",
            "holes that held-out commits filled",
            "the repository's idioms",
            "what is recited of training",
        )
    ]


@pytest.mark.parametrize("minutes", [0.05, 0.5, 2.0])
def test_an_evaluation_ends_in_time_however_slow_the_model_is(data, evaluated, slow_layers, minutes):
    found = evaluate(evaluated, data, replace(SETTINGS, minutes=minutes))
    assert slow_layers[0] <= 60 * minutes + 1
    unmeasured = [name for name, figures in found.figures.items() if figures is None]
    assert len([note for note in found.notes if "evaluation.minutes" in note]) >= len(unmeasured) > 0
    assert "holes" in unmeasured  # one batch of them takes more than a hundred passes


def test_a_history_too_short_to_test_says_so_and_reports_what_it_can(make_data, make_repository, evaluated):
    commits = [
        {"lib.rs": f"pub fn only_{n}() -> u64 {{\n    let only = {n * 97};\n    only + {n}\n}}\n" * 2}
        for n in range(10)
    ]
    found = evaluate(evaluated, make_data(make_repository(commits)), SETTINGS)
    assert found.figures["general"]["tuned"] > 0
    assert found.figures["likelihood"] is None or found.figures["likelihood"]["commits"] < 4
    assert any("give a longer history" in note for note in found.notes)
    assert not [note for note in found.notes if "Error" in note]


@pytest.mark.usefixtures("short_functions")
def test_without_a_test_split_no_note_is_of_zero_commits(data, evaluated, monkeypatch):
    monkeypatch.setattr(data, "test_samples", lambda max_tokens: [])
    monkeypatch.setattr(data, "test_changes", list)
    found = evaluate(evaluated, data, SETTINGS)
    assert (found.figures["likelihood"], found.figures["holes"]) == (None, None)
    assert found.notes[:-1] == [
        "nothing of the history is left to test on: raise data.held_out, or give a longer history",
        "no held-out line can be cut at a cursor: raise data.held_out, or give a longer history",
        "no held-out line makes a hole to fill: raise data.held_out, or give a longer history",
    ]
    assert "too few to compare idioms" in found.notes[-1]
    assert not [note for note in found.notes if note.startswith("0 ")]


def test_another_language_loses_syntax_and_idioms_by_name(make_data, make_repository, evaluated):
    commits = [
        {"main.go": "package main\n" + "".join(f"func f{n}() int {{ return {n * 71} }}\n" for n in range(m))}
        for m in range(12)
    ]
    found = evaluate(evaluated, make_data(make_repository(commits)), SETTINGS)
    assert "the syntax of holes in go was not measured, which takes Rust or Python" in found.notes
    assert "idioms are counted in Rust functions of 80 bytes or more: the snapshot holds none" in found.notes
    assert found.figures["holes"]["infill"]["tuned"]["valid"] is None
    assert found.figures["likelihood"]["new"]["tuned"] > 0


def test_a_store_without_files_says_what_it_cannot_know(make_data, rust_repository, evaluated):
    data = make_data(rust_repository, formats=Formats(whole_files=False))
    found = evaluate(evaluated, data, SETTINGS)
    wanted = "no whole files are in the store (data.formats.whole_files): what is new to them is not known"
    assert found.notes[-1] == wanted
    assert found.figures["likelihood"]["new"] is None
