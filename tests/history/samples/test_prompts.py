import pytest

from codelm.git.commits import Change, Hunk
from codelm.history.samples.formats import Formats, change_samples
from codelm.history.samples.pieces import special_token
from codelm.history.samples.prompts import prompt
from codelm.lines import lines_of
from codelm.special_tokens import MIDDLE, SPECIAL_TOKENS, STARCODER2, SUFFIX_FIRST

NOTHING = STARCODER2.within(frozenset())
PATH = "src/lib.rs"


def written(sample):
    """A sample as one would write it down."""
    return "".join(piece.text for piece in sample.pieces)


def asked(*given, **others):
    """A prompt as one would write it down, and what was typed behind it."""
    made = prompt(*given, **others)
    return written(made.sample), made.typed


def learned(rust, fim_rate, prompt_format=STARCODER2):
    """The sample that teaches the lines 4 to 6 of a page."""
    lines = lines_of(rust)
    change = Change(PATH, PATH, "M", "1", "2", after=rust, hunks=(Hunk(4, 4, (), tuple(lines[4:6])),))
    formats = Formats(fim_rate=fim_rate, cursor_rate=0.0, context_lines=99)
    (sample,) = change_samples(
        "name", "sha", change, formats, 4096, lambda texts: [len(t) for t in texts], prompt_format, 0
    )
    return sample, "".join(lines[:4]), "".join(lines[4:6]), "".join(lines[6:])


def test_an_infill_prompt_is_what_was_taught(rust):
    sample, before, middle, after = learned(rust, 1.0)
    made = prompt("name", PATH, before, after, STARCODER2)
    assert written(sample).startswith(written(made.sample) + made.typed + middle)
    assert made.sample.pieces[-1] == special_token(MIDDLE)


@pytest.mark.parametrize(("fim_rate", "has_after"), [(0.0, False), (1.0, True)], ids=["left to right", "suffix first"])
def test_a_prompt_to_go_on_from_is_what_was_taught_with_what_was_typed(rust, fim_rate, has_after):
    sample, before, middle, after = learned(rust, fim_rate, SUFFIX_FIRST)
    text, typed = asked("name", PATH, before, after if has_after else None, SUFFIX_FIRST)
    assert written(sample).startswith(text + typed + middle)
    assert typed.endswith("\n")


@pytest.mark.parametrize(
    ("before", "typed"),
    [
        ("", "\n"),
        ("\n", "\n\n"),
        ("  \n\n", "\n  \n\n"),
        ("a();\n", "();\n"),
        ("a()\r\n    ", "()\r\n    "),
        ("a(b, c", ", c"),
        ("fn ", " "),
        ("let x = resp", " = resp"),
        ("x.resp", ".resp"),
        ("d\u00e9j\u00e0 vu", " vu"),
    ],
)
@pytest.mark.parametrize("prompt_format", [STARCODER2, SUFFIX_FIRST], ids=["left to right", "suffix first"])
def test_what_is_read_on_ends_where_no_token_crosses(before, typed, prompt_format):
    after = None if prompt_format == STARCODER2 else "b();\n"
    text, found = asked("name", PATH, before, after, prompt_format)
    assert found == typed
    assert (text + typed).endswith(f"{PATH}\n{before}")


def test_before_a_special_token_a_line_end_is_such_a_place_too():
    text, typed = asked("name", PATH, "a();\n", "\n  b();\n", STARCODER2)
    assert text.endswith(f"{PATH}\na();\n<fim_suffix>\n  b();\n<fim_middle>")
    assert typed == ""
    text, typed = asked("name", PATH, "a();\n    let x = re", ";\n", STARCODER2)
    assert text.endswith(f"{PATH}\na();\n    let x<fim_suffix>;\n<fim_middle>")
    assert typed == " = re"


def test_an_example_stands_before_the_file_as_another_one():
    text, _ = asked("name", PATH, "a();\n", "", STARCODER2, example=("b.rs", "b();\n"))
    assert text == f"<repo_name>name<file_sep>b.rs\nb();\n<file_sep><fim_prefix>{PATH}\na();\n<fim_suffix><fim_middle>"


def test_without_the_tokens_of_a_heading_there_is_none():
    text, _ = asked("name", PATH, "a();\n", "b();\n", STARCODER2.within({*STARCODER2.infill_tokens}))
    assert text == "<fim_prefix>a();\n<fim_suffix>b();\n<fim_middle>"
    assert "".join(asked("name", PATH, "a();", None, NOTHING, example=("b.rs", "b();"))) == "b();\na();"


def test_names_that_are_no_text_are_written_with_a_mark():
    text = "".join(asked("n\udcff", "src/\udcff.rs", "a", None, STARCODER2))
    assert text == "<repo_name>n?<file_sep>src/?.rs\na"


def test_all_three_tokens_are_needed_to_fill_in():
    assert STARCODER2.within({*SPECIAL_TOKENS}) == STARCODER2
    assert not any(STARCODER2.within({*SPECIAL_TOKENS} - {name}).infill for name in STARCODER2.infill_tokens)


def test_a_special_token_is_never_cut():
    assert asked("name", " ", "\n", None, STARCODER2) == ("<repo_name>name<file_sep> \n\n", "")
    assert asked("name", PATH, " \n", None, NOTHING) == (" \n", "")


def test_the_text_of_a_prompt_has_the_names_of_repository_and_files():
    made = prompt("name", PATH, "a();\nlet x = re", "b();\n", STARCODER2)
    assert made.text == f"name\n{PATH}\n\na();\nlet x\nb();\n = re"
