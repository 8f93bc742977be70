"""The piece of a training change most like a hole's surroundings, for a base model that may look things up.

What such a prompt gains is the gain of context, and not of training. Likeness is Jaccard's index of the sets of words,
as in RepoCoder (Zhang et al. 2023): a score that forgives what only one side has would prefer the shortest piece.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from codelm.metrics.infill_tasks import fitting

WORD = re.compile(r"[^\W\d]\w+")


def nearest(query: str, pieces: Sequence[str]) -> int | None:
    """Return the place of the piece most like ``query``, the first of equals; None if no piece shares a word with it.

    >>> nearest("walker.follow_links(true)", ["print(depth)", "fn follow_links(walker: Walker)"])
    1

    Args:
        query: the lines before and behind a hole.
        pieces: what training has seen. The words of the last collection are remembered.
    """
    asked = words(query)
    scores = [likeness(asked, found) for found in bags(tuple(pieces))]
    best = max(range(len(scores)), key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] > 0 else None


def nearest_lines(query: str, lines: Sequence[str], costs: Sequence[int], room: int) -> str:
    r"""Return those lines of a piece, in one run and as many as have room, that are most like ``query``.

    >>> nearest_lines("walk(depth)", ["fn a() {}\n", "fn walk() {\n", "    depth\n", "}\n"], [4, 4, 2, 1], 6)
    'fn walk() {\n    depth\n'

    Args:
        query: the lines before and behind a hole.
        lines: the lines of the piece.
        costs: what each takes of the room.
        room: for all lines together; a line that needs more is never shown.
    """
    asked, found = words(query), [words(line) for line in lines]
    span = max(
        longest_runs(costs, room),
        key=lambda span: likeness(asked, frozenset().union(*found[slice(*span)])),
        default=(0, 0),
    )
    return "".join(lines[slice(*span)])


def longest_runs(costs: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of things that fit into ``room``, ``[start, stop)``, none within another.

    >>> list(longest_runs([3, 1, 1, 3], 4)), list(longest_runs([1, 1], 4)), list(longest_runs([5], 4))
    ([(0, 2), (1, 3), (2, 4)], [(0, 2)], [])
    """
    reached = 0
    for start in range(len(costs)):
        stop = start + fitting(costs[start:], room)
        if stop > max(start, reached):
            reached = stop
            yield start, stop


def likeness(one: frozenset[str], two: frozenset[str]) -> float:
    """Return Jaccard's index of two sets: the share of what is in either that is in both."""
    return len(one & two) / (len(one | two) or 1)


@lru_cache(maxsize=1)
def bags(pieces: tuple[str, ...]) -> list[frozenset[str]]:
    """Return the words of each piece."""
    return [words(piece) for piece in pieces]


def words(text: str) -> frozenset[str]:
    """Return the words of at least two characters, whatever the language."""
    return frozenset(WORD.findall(text))
