r"""Which lines of a file stand together in one row, measured in tokens; nothing here knows a format or a tokenizer.

The runs of lines to learn come in, windows come out::

    0  use std::fmt;          ┐ context: shown, learned elsewhere or not at all
    1                         ┘
    2  pub fn new() -> Self { ┐ learned here
    3      Self::default()    │
    4  }                      ┘
       Window(start=0, learn=2, stop=5)

What is longer than its row is divided, in this order of preference: between runs, before an item or paragraph (a blank
line goes before; the shallower the indentation the better), between lines, inside a line.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

Count = Callable[[Sequence[str]], Sequence[int]]
"""Says how many tokens each text has."""


class Span(NamedTuple):
    """Lines from ``start`` up to, not including, ``stop``; counted from 0."""

    start: int
    stop: int


class Window(NamedTuple):
    """Lines ``start`` to ``stop`` are shown; what is to be learned of them begins at ``learn``."""

    start: int
    learn: int
    stop: int


class Ruler:
    """Distances along the lines of a file, in tokens."""

    def __init__(self, costs: Sequence[int]) -> None:
        self.ends = (0, *accumulate(costs))

    def length(self, start: int, stop: int) -> int:
        """Return the tokens of the lines from ``start`` up to ``stop``."""
        return self.ends[stop] - self.ends[start]

    def forward(self, start: int, budget: int, farthest: int) -> int:
        """Return how far one gets from ``start`` towards the end of the file."""
        return max(start, min(farthest, bisect_right(self.ends, self.ends[start] + budget) - 1))

    def backward(self, stop: int, budget: int, farthest: int) -> int:
        """Return how far one gets from ``stop`` towards the beginning of the file."""
        return min(stop, max(farthest, bisect_left(self.ends, self.ends[stop] - budget)))


@dataclass(frozen=True, slots=True)
class Page:
    """One file, measured around the lines to learn and ready to be cut into windows."""

    lines: Sequence[str]
    """The lines of the file; a line to learn that no row could hold stands here in parts."""
    spans: Sequence[Span]
    """The runs of lines to learn, ascending; a run may be empty."""
    ruler: Ruler
    context_lines: int
    """How many lines around a run are shown at most."""
    budget: int
    """The tokens of a row."""

    def near(self, span: Span) -> Span:
        """Return the lines of ``span`` and those close enough to be shown with it."""
        return near(span, self.context_lines, len(self.lines))


def lay_out(lines: list[str], spans: Sequence[Span], context_lines: int, budget: int, count: Count) -> Page:
    """Measure a file around ``spans``, after dividing the lines there that no row could hold."""
    budget = max(1, budget)
    # A divided run repeats up to a quarter of a row as context; three quarters are left for any one line.
    lines, spans = breakable(lines, spans, max(1, budget - budget // 4), count)
    return Page(lines, spans, ruled(lines, spans, context_lines, budget, count), context_lines, budget)


def near(span: Span, context_lines: int, end: int) -> Span:
    """Return ``span`` with as many lines before and after it as there are, at most ``context_lines``."""
    return Span(max(0, span.start - context_lines), min(end, span.stop + context_lines))


def ruled(lines: Sequence[str], spans: Sequence[Span], context_lines: int, budget: int, count: Count) -> Ruler:
    """Measure the lines that windows around ``spans`` can show; all others count as nothing."""
    costs = [0] * len(lines)
    for start, stop in regions(spans, context_lines, len(lines)):
        # Measured with the line end before, not after: tokenizers join it to the indentation that follows.
        texts = ["\n" + line.removesuffix("\n") for line in lines[start:stop]]
        costs[start:stop] = measured(texts, budget, count)
    return Ruler(costs)


def regions(spans: Sequence[Span], context_lines: int, end: int) -> list[Span]:
    """Return the stretches of the file that can be shown; no window reaches from one into another.

    >>> regions([Span(3, 5), Span(9, 10), Span(20, 21)], context_lines=3, end=22)
    [Span(start=0, stop=13), Span(start=17, stop=22)]
    """
    found: list[Span] = []
    for span in spans:
        start, stop = near(span, context_lines, end)
        if found and start <= found[-1].stop:
            start = found.pop().start
        found.append(Span(start, stop))
    return found


def measured(texts: Sequence[str], budget: int, count: Count) -> Sequence[int]:
    """Return what each text costs: its bytes where all fit (no token is less than a byte), else its tokens.

    Most changes are small, and then nothing is tokenised twice.
    """
    sizes = [len(text.encode()) for text in texts]
    return sizes if sum(sizes) <= budget else count(texts)


def windows(page: Page, spans: Sequence[Span]) -> Iterator[Window]:
    """Yield windows that learn every line of ``spans`` once, each after some of the lines before it.

    The context gives way first, down to nothing; only a run that cannot be held alone is divided, and then up to a
    quarter of each row repeats what came before.
    """
    for start, stop in joined(spans, page.ruler, page.context_lines, page.budget):
        while start < stop:
            spare = page.budget - page.ruler.length(start, stop)
            farthest = max(0, start - page.context_lines)
            first = page.ruler.backward(start, spare if spare >= 0 else page.budget // 4, farthest)
            end = cut(page.lines, page.ruler, Span(start, stop), page.budget - page.ruler.length(first, start))
            yield Window(first, start, end)
            start = end


def joined(spans: Sequence[Span], ruler: Ruler, context_lines: int, budget: int) -> list[Span]:
    """Join the spans whose context overlaps, as far as one row holds them.

    >>> joined([Span(3, 5), Span(7, 8), Span(20, 21)], Ruler([1] * 30), context_lines=4, budget=10)
    [Span(start=3, stop=8), Span(start=20, stop=21)]
    """
    runs: list[Span] = []
    for span in spans:
        near = bool(runs) and span.start - runs[-1].stop <= context_lines
        if near and ruler.length(runs[-1].start, span.stop) <= budget:
            span = Span(runs.pop().start, span.stop)
        runs.append(span)
    return runs


def around(page: Page, span: Span, budget: int) -> Span | None:
    """Return what can be shown around ``span``, evenly before and after; None if the span alone is too long."""
    spare = budget - page.ruler.length(*span)
    if spare < 0:
        return None
    farthest = page.near(span)
    start = page.ruler.backward(span.start, spare // 2, farthest.start)
    stop = page.ruler.forward(span.stop, spare - page.ruler.length(start, span.start), farthest.stop)
    start = page.ruler.backward(span.start, spare - page.ruler.length(span.stop, stop), farthest.start)
    return Span(start, stop)


def cut(lines: Sequence[str], ruler: Ruler, span: Span, budget: int) -> int:
    """Return where a piece that begins with ``span`` ends: at its end, or at the best border in the row's second half.

    >>> text = ["fn a() {", "    1", "}", "", "fn b() {", "    2", "}"]
    >>> cut(text, Ruler([1] * 7), Span(0, 7), budget=6)
    4
    """
    last = max(span.start + 1, ruler.forward(span.start, budget, span.stop))
    if last == span.stop:
        return last
    half = max(span.start + 1, ruler.forward(span.start, budget // 2, span.stop))
    return max(range(half, last + 1), key=lambda line: (*border(lines, line), line))


def border(lines: Sequence[str], line: int) -> tuple[bool, bool, int]:
    """Rank a cut before ``line``: between lines, after a blank one, at a shallow indentation."""
    before, after = lines[line - 1], lines[line]
    if before.strip() or not after.strip():
        return before.endswith("\n"), False, 0
    return before.endswith("\n"), True, len(after.lstrip(" \t")) - len(after)


def breakable(lines: list[str], spans: Sequence[Span], limit: int, count: Count) -> tuple[list[str], Sequence[Span]]:
    """Divide the lines of ``spans`` that are longer than ``limit`` tokens; the spans come back at their new places."""
    long = [line for span in spans for line in range(*span) if len(lines[line].encode()) > limit]
    if not long:
        return lines, spans
    parts = [[line] for line in lines]
    for line in long:
        parts[line] = fragments(lines[line], limit, count)
    places = (0, *accumulate(map(len, parts)))
    return [part for line in parts for part in line], [Span(places[start], places[stop]) for start, stop in spans]


def fragments(line: str, limit: int, count: Count) -> list[str]:
    """Halve a line until no part has more than ``limit`` tokens or it is a single character."""
    parts = [line]
    while True:
        long = [tokens > limit and len(part) > 1 for part, tokens in zip(parts, count(parts), strict=True)]
        if not any(long):
            return parts
        parts = [half for part, halve in zip(parts, long, strict=True) for half in (halves(part) if halve else (part,))]


def halves(text: str) -> tuple[str, str]:
    """Cut a text near its middle, before a space if one is near.

    >>> halves("let x = vec![1,2,3,4];")
    ('let x =', ' vec![1,2,3,4];')
    """
    middle = len(text) // 2
    space = text.rfind(" ", len(text) // 4, middle + 1)
    return (text[:space], text[space:]) if space > 0 else (text[:middle], text[middle:])
