import pytest

from codelm.git.commits import Change, Hunk
from codelm.history.samples.formats import Formats, change_samples
from codelm.history.samples.pieces import special_token
from codelm.history.samples.prompts import prompt
from codelm.lines import lines_of
from codelm.special_tokens import MIDDLE, SPECIAL_TOKENS, STARCODER2

NOTHING = STARCODER2.within(frozenset())
PATH = "src/lib.rs"


def written(sample):
    """A prompt as one would write it down."""
    return "".join(piece.text for piece in sample.pieces)


def learned(rust, fim_rate):
    """The sample that teaches the lines 4 to 6 of a page."""
    lines = lines_of(rust)
    change = Change(PATH, PATH, "M", "1", "2", after=rust, hunks=(Hunk(4, 4, (), tuple(lines[4:6])),))
    formats = Formats(fim_rate=fim_rate, cursor_rate=0.0, context_lines=99)
    (sample,) = change_samples(
        "name", "sha", change, formats, 4096, lambda texts: [len(t) for t in texts], STARCODER2, 0
    )
    return sample, "".join(lines[:4]), "".join(lines[4:6]), "".join(lines[6:])


def test_an_infill_prompt_is_what_was_taught(rust):
    sample, before, middle, after = learned(rust, 1.0)
    made = prompt("name", PATH, before, after, STARCODER2)
    assert written(sample).startswith(written(made) + middle)
    assert made.pieces[-1] == special_token(MIDDLE)


def test_a_prompt_to_continue_is_what_was_taught_up_to_white_space(rust):
    sample, before, middle, _ = learned(rust, 0.0)
    made = prompt("name", PATH, before, None, STARCODER2)
    rest = written(sample).removeprefix(written(made))
    assert len(rest) < len(written(sample))
    assert rest.lstrip().startswith(middle.lstrip())
    assert rest[0] == "\n"


@pytest.mark.parametrize("before", ["", "\n", "  \n\n", "a();\n", "a();\n\n", "a();\r\n", "a();\n    ", "fn "])
@pytest.mark.parametrize("prompt_format", [STARCODER2, NOTHING], ids=["all", "none"])
def test_nothing_that_is_read_on_ends_in_white_space(before, prompt_format):
    text = written(prompt("name", PATH, before, None, prompt_format))
    assert text == text.rstrip()
    assert text.endswith(before.rstrip())
    assert (PATH in text) == bool(prompt_format.heading)


def test_what_is_to_be_filled_in_keeps_its_white_space():
    text = written(prompt("name", PATH, "a();\n", "\n  b();\n", STARCODER2))
    assert text.endswith(f"{PATH}\na();\n<fim_suffix>\n  b();\n<fim_middle>")


def test_an_example_stands_before_the_file_as_another_one():
    text = written(prompt("name", PATH, "a();\n", "", STARCODER2, example=("b.rs", "b();\n")))
    assert text == f"<repo_name>name<file_sep>b.rs\nb();\n<file_sep><fim_prefix>{PATH}\na();\n<fim_suffix><fim_middle>"


def test_without_the_tokens_of_a_heading_there_is_none():
    text = written(prompt("name", PATH, "a();\n", "b();\n", STARCODER2.within({*STARCODER2.infill_tokens})))
    assert text == "<fim_prefix>a();\n<fim_suffix>b();\n<fim_middle>"
    assert written(prompt("name", PATH, "a();", None, NOTHING, example=("b.rs", "b();"))) == "b();\na();"


def test_names_that_are_no_text_are_written_with_a_mark():
    text = written(prompt("n\udcff", "src/\udcff.rs", "a", None, STARCODER2))
    assert text == "<repo_name>n?<file_sep>src/?.rs\na"


def test_all_three_tokens_are_needed_to_fill_in():
    assert STARCODER2.within({*SPECIAL_TOKENS}) == STARCODER2
    assert not any(STARCODER2.within({*SPECIAL_TOKENS} - {name}).infill for name in STARCODER2.infill_tokens)


def test_a_special_token_before_white_space_stays_the_last():
    assert written(prompt("name", " ", "\n", None, STARCODER2)) == "<repo_name>name<file_sep>"
    assert prompt("name", PATH, " \n", None, NOTHING).pieces == ()
