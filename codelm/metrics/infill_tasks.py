"""Holes that colleagues really filled: the lines a held-out commit added, cut out of the file as the commit left it.

A hole is asked for where it tells something: not for comments, imports and attributes alone, not for what the
training snapshot holds, and neither for next to nothing nor for more than a model can be expected to write at once.
"""

import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, product

from codelm.lines import lines_of
from codelm.metrics.syntax.code_lines import code_lines

LONGEST = 60
"""Lines of a hole; more are no completion but a program."""
SMALLEST = 12
"""Bytes of a hole; fewer are a bracket or a word."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Lines that a commit added, and the file around them: ``before + text + after`` is the file after the commit.

    Attributes:
        commit: the commit's hash.
        path: where the file lies in the repository.
        language: what it is written in, by name.
        start: the first line of the hole in the file, from 0.
        before: the file up to the hole.
        text: the lines that were added; blank ones at either end are left to the surroundings.
        after: the file behind the hole.
    """

    commit: str
    path: str
    language: str
    start: int
    before: str
    text: str
    after: str

    @property
    def lines(self) -> int:
        """How many lines were added."""
        return len(lines_of(self.text))

    @property
    def kind(self) -> str:
        """What is asked for: "line" or "block"."""
        return "line" if self.lines == 1 else "block"

    @property
    def size(self) -> str:
        """Which of three sizes the hole has: "1", "2-5" or "6+" lines."""
        return "1" if self.lines == 1 else "2-5" if self.lines <= 5 else "6+"


def cut_holes(
    commit: str, path: str, language: str, text: str, spans: Iterable[tuple[int, int]], known: Container[str]
) -> Iterator[Hole]:
    """Yield the holes worth asking for in one file of one commit.

    Args:
        commit: the commit's hash.
        path: where the file lies.
        language: what it is written in.
        text: the file as the commit left it.
        spans: what the commit added, ``[start, stop)`` in lines of ``text``; an empty one is a pure deletion.
        known: the stripped lines that the training snapshot holds.
    """
    lines, code = lines_of(text), code_lines(language, text)
    for begin, end in spans:
        start, stop = trim(lines, begin, end)
        if worth(lines[start:stop], code[start:stop], known):
            parts = ("".join(part) for part in (lines[:start], lines[start:stop], lines[stop:]))
            yield Hole(commit, path, language, start, *parts)


def trim(lines: Sequence[str], start: int, stop: int) -> tuple[int, int]:
    """Return the span without the blank lines at its ends; git may choose which of two blank lines was added."""
    filled = [index for index in range(start, stop) if lines[index].strip()]
    return (filled[0], filled[-1] + 1) if filled else (start, start)


def worth(added: Sequence[str], code: Sequence[str], known: Container[str]) -> bool:
    """Return whether a hole is neither too small nor too long and holds a line of code that is not known."""
    fits = len(added) <= LONGEST and len("".join(added).encode(errors="replace")) >= SMALLEST
    return fits and any(line.strip() and whole.strip() not in known for whole, line in zip(added, code, strict=True))


def choose(holes: Sequence[Hole], limit: int, *, per_commit: int = 4, seed: int = 0) -> list[Hole]:
    """Return at most ``limit`` holes in the order of the history: of many commits, and of all sizes alike.

    Commits take turns in an order that ``seed`` decides; each gives a hole of the size that is rarest so far. The same
    holes and numbers give the same choice.

    Args:
        holes: what can be chosen from, in the order of the history.
        limit: how many are wanted.
        per_commit: how many of one commit are taken at most.
        seed: decides among equals.
    """
    chosen = list(islice(turns(holes, per_commit, random.Random(seed)), limit))
    return [holes[index] for index in sorted(chosen)]


def turns(holes: Sequence[Hole], rounds: int, chance: random.Random) -> Iterator[int]:
    """Yield the places of holes, one of each commit in each round."""
    waiting: dict[str, list[int]] = {}
    for index in chance.sample(range(len(holes)), len(holes)):
        waiting.setdefault(holes[index].commit, []).append(index)
    sizes: Counter[str] = Counter()
    for _, indices in product(range(rounds), list(waiting.values())):
        if indices:
            index = min(indices, key=lambda index: sizes[holes[index].size])
            indices.remove(index)
            sizes[holes[index].size] += 1
            yield index


def visible(hole: Hole, count: Callable[[Sequence[str]], list[int]], room: int) -> tuple[str, str]:
    """Return what of the file around a hole fits into ``room`` tokens: the whole lines nearest to it.

    Where both sides are long, two thirds are for what stands before; what one side does not need, the other has.

    Args:
        hole: the hole.
        count: returns the number of tokens of each text it is given, at least 1 for one that is not empty.
        room: tokens for both sides together.
    """
    # A line has a token at least: more lines than tokens need not be counted.
    before = lines_of(hole.before)[::-1][: max(0, room)]
    after = lines_of(hole.after)[: max(0, room)]
    costs, costs_after = count(before), count(after)
    kept = fitting(costs, max(room * 2 // 3, room - sum(costs_after)))
    kept_after = fitting(costs_after, room - sum(costs[:kept]))
    return "".join(reversed(before[:kept])), "".join(after[:kept_after])


def fitting(costs: Sequence[int], room: int) -> int:
    """Return how many of the first things fit into ``room`` together.

    >>> fitting([3, 4, 1], 7), fitting([3, 4, 1], 2)
    (2, 0)
    """
    return sum(total <= room for total in accumulate(costs))
