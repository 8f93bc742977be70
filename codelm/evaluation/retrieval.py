"""The piece of training text most like a hole's surroundings, for a base model that may look things up.

What such a prompt gains is the gain of context, and not of training. Likeness is Jaccard's index of the sets of words,
as in RepoCoder (Zhang et al. 2023): a score that forgives what only one side has would prefer the shortest piece.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

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
    scores = [len(asked & found) / (len(asked | found) or 1) for found in bags(tuple(pieces))]
    best = max(range(len(scores)), key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] > 0 else None


@lru_cache(maxsize=1)
def bags(pieces: tuple[str, ...]) -> list[frozenset[str]]:
    """Return the words of each piece."""
    return [words(piece) for piece in pieces]


def words(text: str) -> frozenset[str]:
    """Return the words of at least two characters, whatever the language."""
    return frozenset(WORD.findall(text))
