"""Spans that begin inside a line: where an editor's cursor stands when a completion is asked for."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import NamedTuple

from codelm.lines import lines_of

__all__ = ["INSIDE_LINE", "REST_OF_BLOCK", "REST_OF_LINE", "TextSpan", "cut_at_cursor"]

REST_OF_LINE, INSIDE_LINE, REST_OF_BLOCK = "rest_of_line", "inside_line", "rest_of_block"
_SHARES = {REST_OF_LINE: 0.5, INSIDE_LINE: 0.3, REST_OF_BLOCK: 0.2}
"""How often each shape is drawn."""
_FEWEST_CHARACTERS = 4
"""Characters between the white space around them that a line has at least to be cut: fewer are a bracket."""


class TextSpan(NamedTuple):
    """Characters ``start`` up to ``stop`` of a text, to be filled in."""

    start: int
    stop: int


def cut_at_cursor(text: str, random: Random, shape: str | None = None) -> TextSpan | None:
    """Return a span that begins inside a line of a text; None where all lines are too short.

    ``rest_of_line`` ends with the line, ``inside_line`` before its last character, ``rest_of_block`` with the lines
    that are indented deeper than the one it begins in, and the bracket that closes them.

    Args:
        text: Whole lines.
        random: Draws the line and the place in it.
        shape: The shape of the span, one of the three; None draws it by `_SHARES`.
    """
    lines = lines_of(text)
    long = [number for number, line in enumerate(lines) if len(line.strip()) >= _FEWEST_CHARACTERS]
    if not long:
        return None
    shape = shape or random.choices(list(_SHARES), weights=list(_SHARES.values()))[0]
    number = random.choice(long)
    starts = [0, *accumulate(map(len, lines))]
    first, end = starts[number] + _indentation(lines[number]), starts[number] + len(lines[number].rstrip())
    start, stop = sorted(random.sample(range(first + 1, end), 2))
    if shape == INSIDE_LINE:
        return TextSpan(start, stop)
    last = _block_end(lines, number) if shape == REST_OF_BLOCK else number
    return TextSpan(random.choice((start, stop)), starts[last] + len(lines[last].rstrip()))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block_end(lines: Sequence[str], number: int) -> int:
    """Return the last line of what a line opens: those indented deeper, and one that begins with a closing bracket."""
    depth, last = _indentation(lines[number]), number
    for later in range(number + 1, len(lines)):
        deeper = _indentation(lines[later]) - depth
        if lines[later].strip() and deeper <= 0:
            closes = deeper == 0 and lines[later].lstrip()[0] in ")]}"
            return later if closes else last
        last = later if lines[later].strip() else last
    return last
