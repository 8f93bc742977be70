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

from codelm.history.samples.long_lines import Span, TokenCounter, split_long_lines

__all__ = ["MeasuredFile", "Window", "measure_file", "widen", "windows"]


class Window(NamedTuple):
    """Lines ``start`` to ``stop`` are shown; those to be learned begin at ``learn``."""

    start: int
    learn: int
    stop: int


class _TokenOffsets:
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
    offsets: _TokenOffsets
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
    return MeasuredFile(lines, spans, _TokenOffsets(lengths), context_lines, max_tokens)


def _with_context(span: Span, context_lines: int, end: int) -> Span:
    """Return ``span`` with ``context_lines`` before and after it, or as many as a file of ``end`` lines has."""
    return Span(max(0, span.start - context_lines), min(end, span.stop + context_lines))


def _shown_regions(spans: Sequence[Span], context_lines: int, end: int) -> list[Span]:
    """Return the stretches of a file of ``end`` lines that can be shown; no window reaches from one into another."""
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
    for start, stop in _merge_spans(spans, measured):
        while start < stop:
            spare = max_tokens - offsets.length(start, stop)
            limit = max(0, start - measured.context_lines)
            first = offsets.first_start(start, spare if spare >= 0 else max_tokens // 4, limit)
            end = _best_cut(measured, Span(start, stop), max_tokens - offsets.length(first, start))
            yield Window(first, start, end)
            start = end


def _merge_spans(spans: Sequence[Span], measured: MeasuredFile) -> list[Span]:
    """Merge the spans that are within each other's context, as far as one row holds them."""
    merged: list[Span] = []
    for span in spans:
        overlaps = bool(merged) and span.start - merged[-1].stop <= measured.context_lines
        if overlaps and measured.offsets.length(merged[-1].start, span.stop) <= measured.max_tokens:
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


def _best_cut(measured: MeasuredFile, span: Span, max_tokens: int) -> int:
    """Return the line at which a row of ``max_tokens`` ends that begins with a span.

    It is the end of the span, or the best cut in the row's second half.
    """
    offsets = measured.offsets
    last = max(span.start + 1, offsets.last_stop(span.start, max_tokens, span.stop))
    if last == span.stop:
        return last
    half = max(span.start + 1, offsets.last_stop(span.start, max_tokens // 2, span.stop))
    return max(range(half, last + 1), key=lambda line: (*_cut_rank(measured.lines, line), line))


def _cut_rank(lines: Sequence[str], line: int) -> tuple[bool, bool, int]:
    """Rank a cut before ``line``, the best highest: between lines, after a blank one, at a shallow indentation."""
    before, after = lines[line - 1], lines[line]
    if before.strip() or not after.strip():
        return before.endswith("\n"), False, 0
    return before.endswith("\n"), True, len(after.lstrip(" \t")) - len(after)
