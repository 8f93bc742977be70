from hypothesis import given
from hypothesis import strategies as st

from codelm.history.samples.long_lines import Span, split_long_lines


def characters(texts):
    return [len(text) for text in texts]


def test_a_line_is_broken_only_if_no_row_can_hold_it():
    lines, spans = split_long_lines(["a\n", "long line\n", "b\n", "c\n"], [Span(0, 2), Span(3, 4)], 5, characters)
    assert lines == ["a\n", "long", " line\n"[:3], "ne\n", "b\n", "c\n"]
    assert spans == [Span(0, 4), Span(5, 6)]
    unchanged = (["a\n", "long line\n"], [Span(0, 1)])
    assert split_long_lines(*unchanged, 5, characters) == unchanged


@given(st.text(min_size=1), st.integers(1, 50))
def test_the_parts_of_a_line_are_short_and_lose_nothing(line, limit):
    parts, _ = split_long_lines([line], [Span(0, 1)], limit, characters)
    assert "".join(parts) == line
    assert all(len(part) <= limit for part in parts)


def test_a_line_is_broken_near_its_middle_before_a_space_and_never_within_a_character():
    parts, _ = split_long_lines(["let x = vec![1,2,3,4];"], [Span(0, 1)], 15, characters)
    assert parts == ["let x =", " vec![1,2,3,4];"]
    parts, _ = split_long_lines(["éé"], [Span(0, 1)], 1, lambda texts: [len(text.encode()) for text in texts])
    assert parts == ["é", "é"]
