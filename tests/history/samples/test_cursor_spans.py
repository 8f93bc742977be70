from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.history.samples.cursor_spans import INSIDE_LINE, REST_OF_BLOCK, REST_OF_LINE, cut_at_cursor

CODE = """fn area(width: u64, height: u64) -> u64 {
    if width == 0 {

        return 0;
    }
    width * height
}
"""
SEEDS = range(200)


def spans(shape, text=CODE):
    """The texts of many spans of a shape, each with the line that it begins in."""
    found = []
    for seed in SEEDS:
        span = cut_at_cursor(text, Random(seed), shape)
        line = text[: span.start].rpartition("\n")[2] + text[span.start :].partition("\n")[0]
        found.append((line, text[span.start : span.stop]))
    return found


def test_the_rest_of_a_line_ends_where_the_line_does_and_leaves_something_before_it():
    for line, span in spans(REST_OF_LINE):
        assert line.endswith(span)
        assert 0 < len(span) < len(line.strip())


def test_a_span_inside_a_line_leaves_something_on_both_sides():
    for line, span in spans(INSIDE_LINE):
        place = line.strip().find(span)
        assert len(span) > 0
        assert place != -1
        assert not line.endswith(span) or line.count(span) > 1


def test_the_rest_of_a_block_ends_with_the_bracket_that_closes_it():
    blocks = dict(spans(REST_OF_BLOCK))
    assert blocks["fn area(width: u64, height: u64) -> u64 {"].endswith("    width * height\n}")
    assert blocks["    if width == 0 {"].endswith("        return 0;\n    }")
    assert "\n" not in blocks["    width * height"]


def test_a_block_of_python_ends_before_what_is_outdented():
    code = "def area(width, height):\n    if not width:\n        return 0\n\n    return width * height\n\n\nWIDTH = 1\n"
    blocks = dict(spans(REST_OF_BLOCK, code))
    assert blocks["def area(width, height):"].endswith("return width * height")
    assert blocks["    if not width:"].endswith("        return 0")


def test_brackets_and_blank_lines_alone_are_not_cut():
    assert cut_at_cursor("}\n\n);\n", Random(0)) is None
    assert cut_at_cursor("", Random(0)) is None


@given(st.text("ab {}\n\t\u3042", max_size=60), st.integers(0, 9), st.sampled_from([None, REST_OF_LINE, INSIDE_LINE]))
def test_a_span_is_never_empty_and_lies_within_its_text(text, seed, shape):
    span = cut_at_cursor(text, Random(seed), shape)
    assert span is None or 0 < span.start < span.stop <= len(text)


@pytest.mark.parametrize("ending", ["\r\n", "\n", ""])
def test_the_line_end_is_not_in_the_span(ending):
    assert all(not span.endswith(("\r", "\n")) for _, span in spans(REST_OF_LINE, "let name = value;" + ending))
