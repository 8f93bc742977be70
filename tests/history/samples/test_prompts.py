import pytest

from codelm.git.commits import Change, Hunk
from codelm.history.samples.formats import (
    FILE,
    FIM_TOKENS,
    MIDDLE,
    SENTINELS,
    Formats,
    Role,
    change_samples,
    sentinel,
    text,
)
from codelm.history.samples.prompts import can_infill, open_ended, prompt
from codelm.lines import lines_of

SPECIAL = frozenset(SENTINELS)
PATH = "src/lib.rs"


def said(sample):
    """A prompt as one would write it down."""
    return "".join(piece.text for piece in sample.pieces)


def learned(rust, fim_rate, special=SPECIAL):
    """The sample that teaches the lines 4 to 6 of a page."""
    lines = lines_of(rust)
    change = Change(PATH, PATH, "M", "1", "2", after=rust, hunks=(Hunk(4, 4, (), tuple(lines[4:6])),))
    formats = Formats(fim_rate=fim_rate, context_lines=99)
    (sample,) = change_samples("name", "sha", change, formats, 4096, lambda texts: [len(t) for t in texts], special, 0)
    return sample, "".join(lines[:4]), "".join(lines[4:6]), "".join(lines[6:])


def test_a_hole_is_asked_for_as_it_was_taught(rust):
    sample, before, hole, after = learned(rust, 1.0)
    asked = prompt("name", PATH, before, after, SPECIAL)
    assert said(sample).startswith(said(asked) + hole)
    assert asked.pieces[-1] == sentinel(MIDDLE)


def test_a_continuation_is_asked_for_as_it_was_taught_up_to_white_space(rust):
    sample, before, hole, _ = learned(rust, 0.0)
    asked = prompt("name", PATH, before, None, SPECIAL)
    rest = said(sample).removeprefix(said(asked))
    assert len(rest) < len(said(sample))
    assert rest.lstrip().startswith(hole.lstrip())
    assert rest[0] == "\n"


@pytest.mark.parametrize("before", ["", "\n", "  \n\n", "a();\n", "a();\n\n", "a();\r\n", "a();\n    ", "fn "])
@pytest.mark.parametrize("special", [SPECIAL, frozenset()])
def test_nothing_that_is_read_on_ends_in_white_space(before, special):
    asked = said(prompt("name", PATH, before, None, special))
    assert asked == asked.rstrip()
    assert asked.endswith(before.rstrip())
    assert (PATH in asked) == bool(special)


def test_what_is_to_be_filled_in_keeps_its_white_space():
    asked = said(prompt("name", PATH, "a();\n", "\n  b();\n", SPECIAL))
    assert asked.endswith(f"{PATH}\na();\n<fim_suffix>\n  b();\n<fim_middle>")


def test_an_example_stands_before_the_file_as_another_one():
    asked = said(prompt("name", PATH, "a();\n", "", SPECIAL, example=("b.rs", "b();\n")))
    assert asked == f"<repo_name>name<file_sep>b.rs\nb();\n<file_sep><fim_prefix>{PATH}\na();\n<fim_suffix><fim_middle>"


def test_without_the_tokens_of_a_heading_there_is_none():
    assert (
        said(prompt("name", PATH, "a();\n", "b();\n", FIM_TOKENS)) == "<fim_prefix>a();\n<fim_suffix>b();\n<fim_middle>"
    )
    assert said(prompt("name", PATH, "a();", None, frozenset(), example=("b.rs", "b();"))) == "b();\na();"


def test_names_that_are_no_text_are_written_with_a_mark():
    asked = said(prompt("n\udcff", "src/\udcff.rs", "a", None, SPECIAL))
    assert asked == "<repo_name>n?<file_sep>src/?.rs\na"


def test_all_three_tokens_are_needed_to_fill_in():
    assert can_infill(SPECIAL)
    assert not any(can_infill(SPECIAL - {name}) for name in FIM_TOKENS)


def test_pieces_behind_a_sentinel_keep_it():
    pieces = (*text("a", Role.CONTEXT), sentinel(FILE))
    assert open_ended(pieces) == pieces
    assert open_ended((*pieces, *text(" \n", Role.CONTEXT))) == pieces
    assert open_ended(()) == ()
