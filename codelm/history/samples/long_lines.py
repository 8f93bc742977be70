"""Spans of a file's lines, and the division of lines that are too long for a row."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

__all__ = ["Span", "TokenCounter", "split_long_lines"]

TokenCounter = Callable[[Sequence[str]], Sequence[int]]
"""Returns the number of tokens of each text."""


class Span(NamedTuple):
    """Lines from ``start`` up to, not including, ``stop``; counted from 0."""

    start: int
    stop: int


def split_long_lines(
    lines: list[str], spans: Sequence[Span], max_tokens: int, count: TokenCounter
) -> tuple[list[str], Sequence[Span]]:
    """Divide the lines to learn that are too long; return all lines of the file, and the spans among these.

    Args:
        lines: The file.
        spans: The lines to learn, ascending.
        max_tokens: The most tokens of a line.
        count: Returns the number of tokens of each text.
    """
    long = [line for span in spans for line in range(*span) if len(lines[line].encode()) > max_tokens]
    if not long:
        return lines, spans
    parts = [[line] for line in lines]
    for line in long:
        parts[line] = _split_line(lines[line], max_tokens, count)
    starts = (0, *accumulate(map(len, parts)))
    return [part for line in parts for part in line], [Span(starts[start], starts[stop]) for start, stop in spans]


def _split_line(line: str, max_tokens: int, count: TokenCounter) -> list[str]:
    """Halve a line until each part has at most ``max_tokens`` tokens or is a single character."""
    parts = [line]
    while True:
        long = [tokens > max_tokens and len(part) > 1 for part, tokens in zip(parts, count(parts), strict=True)]
        if not any(long):
            return parts
        parts = [
            half for part, halve in zip(parts, long, strict=True) for half in (_halves(part) if halve else (part,))
        ]


def _halves(text: str) -> tuple[str, str]:
    """Cut a text near its middle, before a space if one is near."""
    middle = len(text) // 2
    space = text.rfind(" ", len(text) // 4, middle + 1)
    return (text[:space], text[space:]) if space > 0 else (text[:middle], text[middle:])
