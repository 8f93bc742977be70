from types import SimpleNamespace

import pytest

from codelm.errors import InputError
from codelm.examination import examine as module
from codelm.examination.examine import Limits, examine, shortcomings
from codelm.history.samples import Formats

LIMITS = Limits(minutes=0.5, limit=2, tokens=2000, rustc=False)
READ = {"commits": 40, "of": 40, "left_out_by": None}
FIGURES = {"commits": 99, "read": READ, "new": None, "added": None, "distance": {"base": 0.1}}
PARTS = ("likelihood", "general", "holes", "idioms", "memory")

pytestmark = pytest.mark.usefixtures("few_texts")


def test_all_parts_are_examined_and_each_hole_is_kept(material, examinee):
    found = examine(examinee, material, LIMITS, seed=0)
    assert tuple(found.figures) == PARTS
    assert all(found.figures[name] for name in PARTS)
    assert len(found.holes) == found.figures["holes"]["tasks"] == 2
    commits, functions = found.notes
    assert commits.startswith("6 held-out commits with new lines are too few for an interval, which takes 30")
    assert functions.endswith("of the tuned model: too few to compare idioms, which takes 25: raise evaluation.limit")


def test_commits_without_new_lines_are_not_counted_for_the_interval_of_new_lines():
    many = {"commits": 40, "interval": [-9.0, -1.0]}
    few = many | {"commits": 25, "interval": None}
    figures = {"likelihood": {"commits": 40, "read": READ, "new": few, "added": many}, "idioms": None}
    (note,) = shortcomings(figures, SimpleNamespace(snapshot={"a.rs": ""}))
    assert note.startswith("25 held-out commits with new lines are too few")
    figures["likelihood"] |= {"new": many}
    assert shortcomings(figures, SimpleNamespace(snapshot={"a": ""})) == []


@pytest.mark.parametrize("setting", ["evaluation.minutes", "evaluation.tokens"])
@pytest.mark.parametrize("of", [28, 44])
def test_commits_left_out_are_counted_and_the_setting_that_left_them_out_is_the_remedy(setting, of):
    new = {"commits": 25, "interval": None}
    read = {"commits": 27, "of": of, "left_out_by": setting}
    figures = {"likelihood": {"commits": 27, "read": read, "new": new, "added": new}, "idioms": None}
    notes = shortcomings(figures, SimpleNamespace(snapshot={"a.rs": ""}))
    assert notes[0] == f"{setting} allowed to measure 27 of {of} held-out commits: raise it"
    remedy = setting if of == 44 else "data.held_out, or give a longer history"
    assert notes[1:] == [
        f"25 held-out commits with new lines are too few for an interval, which takes 30: raise {remedy}"
    ]


@pytest.mark.parametrize(
    ("written", "of", "remedy"),
    [
        (64, 64, "evaluation.limit"),
        (20, 20, "evaluation.limit"),
        (8, 64, "evaluation.minutes"),
        (8, 20, "evaluation.limit and evaluation.minutes"),
    ],
)
def test_too_few_functions_to_compare_are_told_with_the_setting_that_made_them_few(written, of, remedy):
    idioms = {"functions": {"base": 7, "tuned": 3}, "asked": {"functions": written, "of": of}, "distance": None}
    figures = {"likelihood": None, "idioms": idioms}
    assert shortcomings(figures, SimpleNamespace(snapshot={"a.rs": ""})) == [
        "7 functions of the base and 3 of the tuned model: too few to compare idioms, which takes 25: raise " + remedy
    ]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("error", [InputError("no such grammar"), RuntimeError("out of\nmemory"), KeyError("x")])
def test_a_part_that_fails_is_named_and_the_others_stand(name, error, material, examinee, monkeypatch):
    for this in PARTS:
        monkeypatch.setattr(module, this, lambda *_, this=this: fail(error) if this == name else FIGURES)
    found = examine(examinee, material, LIMITS, seed=0)
    assert found.figures == {each: None if each == name else FIGURES for each in PARTS}
    (note,) = found.notes
    assert note.startswith(f"{name} was not measured: ")
    assert "\n" not in note
    assert str(error.args[0]).split()[0] in note


def fail(error):
    raise error


def test_ctrl_c_is_no_failure_of_a_part(material, examinee, monkeypatch):
    monkeypatch.setattr(module, "general", lambda *_: fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        examine(examinee, material, LIMITS, seed=0)


def test_when_time_is_over_little_is_asked_and_it_is_said(material, examinee):
    found = examine(examinee, material, Limits(minutes=1e-9, limit=2, tokens=2000, rustc=False), seed=0)
    assert found.figures["likelihood"]["commits"] == 1
    assert (found.figures["holes"], found.figures["idioms"], found.figures["memory"]) == (None, None, None)
    assert found.figures["general"]["tuned"] > 0
    assert [note for note in found.notes if "evaluation.minutes" in note] == [
        "time allowed for none of 2 holes: raise evaluation.minutes",
        "no time was left to write functions, whose idioms are compared: raise evaluation.minutes",
        "no time was left to ask what is recited: raise evaluation.minutes",
        "evaluation.minutes allowed to measure 1 of 6 held-out commits: raise it",
    ]


def test_a_history_too_short_to_test_says_so_and_reports_what_it_can(make_material, make_repository, examinee):
    commits = [
        {"lib.rs": f"pub fn only_{n}() -> u64 {{\n    let only = {n * 97};\n    only + {n}\n}}\n" * 2}
        for n in range(10)
    ]
    found = examine(examinee, make_material(make_repository(commits)), LIMITS, seed=0)
    assert found.figures["general"]["tuned"] > 0
    assert found.figures["likelihood"] is None or found.figures["likelihood"]["commits"] < 4
    assert any("give a longer history" in note for note in found.notes)
    assert not [note for note in found.notes if "Error" in note]


def test_without_a_test_part_no_zero_commits_are_told_of(material, examinee, monkeypatch):
    monkeypatch.setattr(material, "test_chunks", lambda most: [])
    monkeypatch.setattr(material, "test_changes", list)
    found = examine(examinee, material, LIMITS, seed=0)
    assert (found.figures["likelihood"], found.figures["holes"]) == (None, None)
    assert found.notes[:-1] == [
        "nothing of the history is left to test on: raise data.held_out, or give a longer history",
        "no held-out line makes a hole to fill: raise data.held_out, or give a longer history",
    ]
    assert "too few to compare idioms" in found.notes[-1]
    assert not [note for note in found.notes if note.startswith("0 ")]


def test_another_language_loses_syntax_and_idioms_by_name(make_material, make_repository, examinee):
    commits = [
        {"main.go": "package main\n" + "".join(f"func f{n}() int {{ return {n * 71} }}\n" for n in range(m))}
        for m in range(12)
    ]
    found = examine(examinee, make_material(make_repository(commits)), LIMITS, seed=0)
    assert "the syntax of holes in go was not measured, which takes Rust or Python" in found.notes
    assert "idioms are told of Rust's functions of 80 bytes or more: the snapshot holds none" in found.notes
    assert found.figures["holes"]["infill"]["tuned"]["valid"] is None
    assert found.figures["likelihood"]["new"]["tuned"] > 0


def test_a_store_without_files_says_what_it_cannot_know(make_material, rust_repository, examinee):
    material = make_material(rust_repository, formats=Formats(whole_files=False))
    found = examine(examinee, material, LIMITS, seed=0)
    assert any("data.formats.whole_files" in note for note in found.notes)
    assert found.figures["likelihood"]["new"] is None
