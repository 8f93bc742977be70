r"""Windows: which lines of a file stand together in one row, measured in tokens; independent of format and tokenizer.

From the spans of lines to learn come windows::

    0  use std::fmt;          ┐ context: shown, learned in another sample or not at all
    1                         ┘
    2  pub fn new() -> Self { ┐ learned here
    3      Self::default()    │
    4  }                      ┘
       Window(start=0, learn=2, stop=5)

What is longer than its row is divided, in this order of preference: between spans, before an item or paragraph (after
a blank line; the shallower the indentation the better), between lines, inside a line.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from codelm.history.samples.spans import Span, TokenCounter, split_long_lines

__all__ = [
    "MeasuredFile",
    "TokenOffsets",
    "Window",
    "best_cut",
    "measure_file",
    "merge_spans",
    "widen",
    "windows",
]


class Window(NamedTuple):
    """Lines ``start`` to ``stop`` are shown; those to be learned begin at ``learn``."""

    start: int
    learn: int
    stop: int


class TokenOffsets:
    """The lines' positions in a file, in tokens: running totals of their lengths."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.ends = (0, *accumulate(lengths))

    def length(self, start: int, stop: int) -> int:
        """Return the tokens of the lines from ``start`` up to ``stop``."""
        return self.ends[stop] - self.ends[start]

    def last_stop(self, start: int, max_tokens: int, limit: int) -> int:
        """Return the last line, ``limit`` at most, up to which the lines from ``start`` have ``max_tokens`` tokens."""
        return max(start, min(limit, bisect_right(self.ends, self.ends[start] + max_tokens) - 1))

    def first_start(self, stop: int, max_tokens: int, limit: int) -> int:
        """Return the first line, ``limit`` at least, from which the lines up to ``stop`` have ``max_tokens`` tokens."""
        return min(stop, max(limit, bisect_left(self.ends, self.ends[stop] - max_tokens)))


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """One file, measured around the lines to learn and ready to be cut into windows."""

    lines: Sequence[str]
    """The lines of the file; a line to learn that is too long for a row stands here in parts."""
    spans: Sequence[Span]
    """The lines to learn, ascending; a span may be empty."""
    offsets: TokenOffsets
    context_lines: int
    """The most lines to show before a span, and after it."""
    max_tokens: int
    """The tokens of a row."""


def measure_file(
    lines: list[str], spans: Sequence[Span], context_lines: int, max_tokens: int, count: TokenCounter
) -> MeasuredFile:
    """Measure the lines of a file that windows can show.

    Args:
        lines: The file. Lines of ``spans`` that are too long for a row are divided; all others stay whole.
        spans: The lines to learn, ascending.
        context_lines: The most lines to show before a span, and after it. Lines beyond them have the length 0.
        max_tokens: The tokens of a row.
        count: Returns the number of tokens of each text.
    """
    max_tokens = max(1, max_tokens)
    # A divided span repeats up to a quarter of a row as context; three quarters are left for any one line.
    lines, spans = split_long_lines(lines, spans, max(1, max_tokens - max_tokens // 4), count)
    lengths = [0] * len(lines)
    for start, stop in _shown_regions(spans, context_lines, len(lines)):
        # Measured with the line end before, not after: tokenizers join it to the indentation that follows.
        texts = ["\n" + line.removesuffix("\n") for line in lines[start:stop]]
        lengths[start:stop] = _token_bounds(texts, max_tokens, count)
    return MeasuredFile(lines, spans, TokenOffsets(lengths), context_lines, max_tokens)


def _with_context(span: Span, context_lines: int, end: int) -> Span:
    """Return ``span`` with ``context_lines`` before and after it, or as many as a file of ``end`` lines has."""
    return Span(max(0, span.start - context_lines), min(end, span.stop + context_lines))


def _shown_regions(spans: Sequence[Span], context_lines: int, end: int) -> list[Span]:
    """Return the stretches of a file of ``end`` lines that can be shown; no window reaches from one into another.

    >>> _shown_regions([Span(3, 5), Span(9, 10), Span(20, 21)], context_lines=3, end=22)
    [Span(start=0, stop=13), Span(start=17, stop=22)]
    """
    regions: list[Span] = []
    for span in spans:
        start, stop = _with_context(span, context_lines, end)
        if regions and start <= regions[-1].stop:
            start = regions.pop().start
        regions.append(Span(start, stop))
    return regions


def _token_bounds(texts: Sequence[str], max_tokens: int, count: TokenCounter) -> Sequence[int]:
    """Return each text's tokens, or its bytes if all of them fit: no token is less than a byte.

    Most changes are small, so that hardly any text is tokenised twice.
    """
    sizes = [len(text.encode()) for text in texts]
    return sizes if sum(sizes) <= max_tokens else count(texts)


def windows(measured: MeasuredFile, spans: Sequence[Span]) -> Iterator[Window]:
    """Yield windows that learn every line of ``spans`` once, each after some of the lines before it.

    Where space is short, the context shrinks first, down to nothing; only a span that no row holds is divided, and then
    up to a quarter of each row repeats what came before.
    """
    offsets, max_tokens = measured.offsets, measured.max_tokens
    for start, stop in merge_spans(spans, offsets, measured.context_lines, max_tokens):
        while start < stop:
            spare = max_tokens - offsets.length(start, stop)
            limit = max(0, start - measured.context_lines)
            first = offsets.first_start(start, spare if spare >= 0 else max_tokens // 4, limit)
            end = best_cut(measured.lines, offsets, Span(start, stop), max_tokens - offsets.length(first, start))
            yield Window(first, start, end)
            start = end


def merge_spans(spans: Sequence[Span], offsets: TokenOffsets, context_lines: int, max_tokens: int) -> list[Span]:
    """Merge the spans that are close to each other, as far as one row holds them.

    Args:
        spans: Lines, ascending.
        offsets: The positions of the lines in the file.
        context_lines: The most lines between two spans that are merged.
        max_tokens: The tokens of a row.

    >>> merge_spans([Span(3, 5), Span(7, 8), Span(20, 21)], TokenOffsets([1] * 30), context_lines=4, max_tokens=10)
    [Span(start=3, stop=8), Span(start=20, stop=21)]
    """
    merged: list[Span] = []
    for span in spans:
        overlaps = bool(merged) and span.start - merged[-1].stop <= context_lines
        if overlaps and offsets.length(merged[-1].start, span.stop) <= max_tokens:
            span = Span(merged.pop().start, span.stop)
        merged.append(span)
    return merged


def widen(measured: MeasuredFile, span: Span, max_tokens: int) -> Span | None:
    """Return ``span`` with context, evenly before and after it; None if the span alone is too long."""
    offsets = measured.offsets
    spare = max_tokens - offsets.length(*span)
    if spare < 0:
        return None
    widest = _with_context(span, measured.context_lines, len(measured.lines))
    start = offsets.first_start(span.start, spare // 2, widest.start)
    stop = offsets.last_stop(span.stop, spare - offsets.length(start, span.start), widest.stop)
    start = offsets.first_start(span.start, spare - offsets.length(span.stop, stop), widest.start)
    return Span(start, stop)


def best_cut(lines: Sequence[str], offsets: TokenOffsets, span: Span, max_tokens: int) -> int:
    """Return the line at which a row ends: the end of the span, or the best cut in the row's second half.

    Args:
        lines: The lines of the file.
        offsets: The positions of these lines.
        span: The lines of the row, and those after them.
        max_tokens: The tokens of the row.

    >>> text = ["fn a() {", "    1", "}", "", "fn b() {", "    2", "}"]
    >>> best_cut(text, TokenOffsets([1] * 7), Span(0, 7), max_tokens=6)
    4
    """
    last = max(span.start + 1, offsets.last_stop(span.start, max_tokens, span.stop))
    if last == span.stop:
        return last
    half = max(span.start + 1, offsets.last_stop(span.start, max_tokens // 2, span.stop))
    return max(range(half, last + 1), key=lambda line: (*_cut_rank(lines, line), line))


def _cut_rank(lines: Sequence[str], line: int) -> tuple[bool, bool, int]:
    """Rank a cut before ``line``, the best highest: between lines, after a blank one, at a shallow indentation."""
    before, after = lines[line - 1], lines[line]
    if before.strip() or not after.strip():
        return before.endswith("\n"), False, 0
    return before.endswith("\n"), True, len(after.lstrip(" \t")) - len(after)
