import pytest

from codelm.evaluation.notes import evaluation_notes, infilling_notes

NONE = dict.fromkeys(("likelihood", "general", "cursor", "holes", "idioms", "memory"))
READ = {"commits": 40, "of": 40, "left_out_by": None}
DERIVES = {"derives": 32, "derives_of": 32}


def notes_of(**figures):
    if "likelihood" in figures:
        figures["likelihood"] = {"floors_left_out": False} | figures["likelihood"]
    return evaluation_notes(NONE | figures, snapshot=True)


def test_commits_without_new_lines_are_not_counted_for_the_interval_of_new_lines():
    many = {"commits": 40, "interval": [-9.0, -1.0]}
    few = many | {"commits": 25, "interval": None}
    (note,) = notes_of(likelihood={"read": READ, "new": few, "added": many})
    assert note.startswith("25 held-out commits with new lines are too few")
    assert notes_of(likelihood={"read": READ, "new": many, "added": many}) == []


@pytest.mark.parametrize("setting", ["evaluation.minutes", "evaluation.tokens"])
@pytest.mark.parametrize("of", [28, 44])
def test_commits_left_out_are_counted_and_the_setting_that_left_them_out_is_the_remedy(setting, of):
    new = {"commits": 25, "interval": None}
    read = {"commits": 27, "of": of, "left_out_by": setting}
    notes = notes_of(likelihood={"read": read, "new": new, "added": new})
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
def test_too_few_functions_to_compare_have_a_note_with_the_setting_that_made_them_few(written, of, remedy):
    asked = DERIVES | {"functions": written, "of": of}
    assert notes_of(idioms={"functions": {"base": 7, "tuned": 3}, "asked": asked}) == [
        "7 functions of the base and 3 of the tuned model: too few to compare idioms, which takes 25: raise " + remedy
    ]


def test_fifty_functions_are_enough_and_fewer_have_a_note():
    asked = DERIVES | {"functions": 62, "of": 62}
    assert notes_of(idioms={"functions": {"base": 50, "tuned": 51}, "asked": asked}) == []
    assert notes_of(idioms={"functions": {"base": 50, "tuned": 49}, "asked": asked}) == [
        "the idioms are those of 50 functions of the base and 49 of the tuned model, where 50 tell repositories apart: "
        "raise evaluation.limit"
    ]


def test_whatever_there_was_no_time_for_has_a_note():
    idioms = {
        "functions": {"base": 60, "tuned": 60},
        "asked": {"functions": 60, "of": 60, "derives": 8, "derives_of": 32},
    }
    memory = {
        "windows": {"train": 32, "held_out": 50},
        "secrets": {"tried": 0},
        "wanted": {"train": 50, "held_out": 50, "secrets": 5},
    }
    general = {
        "files": {"own rust": {"read": 1, "of": 8}, "library": {"read": 0, "of": 1}, "all": {"read": 2, "of": 2}}
    }
    likelihood = {"read": READ, "floors_left_out": True, "new": {"commits": 40}}
    assert notes_of(likelihood=likelihood, general=general, idioms=idioms, memory=memory) == [
        "no time was left to compress the added lines: raise evaluation.minutes",
        "time allowed to read 1 of 8 files of the own rust and 0 of 1 file of the library: raise evaluation.minutes",
        "time allowed for 8 of 32 lists of traits: raise evaluation.minutes",
        "time allowed for 32 of 50 windows learned and 0 of 5 strings that look like secrets: raise evaluation.minutes",
    ]


def test_what_could_not_be_measured_of_infill_tasks_has_a_note():
    assert infilling_notes(["rust"] * 4, 4, ["infill", "left_to_right"]) == []
    assert infilling_notes(["toml", "rust", "md"], 4, ["left_to_right"]) == [
        "gaps were not filled: the format of the samples has no holes (data.formats.fim_format)",
        "time allowed for 3 of 4 holes: raise evaluation.minutes",
        "the syntax of holes in md and toml was not measured, which takes Rust or Python",
    ]
