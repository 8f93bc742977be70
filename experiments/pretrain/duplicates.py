"""What is said twice, exactly or nearly; crates vendor one another."""

import hashlib
import re
from collections.abc import Iterable

from rensa import RMinHash, RMinHashLSH  # type: ignore[import-untyped]

PERMUTATIONS = 128
SHINGLE = 5
SIMILAR = 0.7
"""Estimated Jaccard similarity of word 5-grams from which one text is a near copy of another."""


def fingerprint(text: str) -> str:
    r"""Return a hash that forgets white space.

    >>> fingerprint("a b") == fingerprint(" a\n\tb")
    True
    """
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def shingles(text: str) -> list[str]:
    """Return the runs of five words in ``text``; fewer than five words give one run."""
    words = re.findall(r"\w+", text)
    return [" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1))]


class Seen:
    """The texts met so far: the first of several copies stays, the others are known again."""

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._index = RMinHashLSH(SIMILAR, PERMUTATIONS, 16)
        self._sketches: list[RMinHash] = []

    def add_all(self, texts: Iterable[str]) -> None:
        """Remember texts that nothing after them may repeat."""
        for text in texts:
            self.add(text)

    def add(self, text: str) -> bool:
        """Remember ``text`` and tell whether it was new."""
        mark = fingerprint(text)
        if mark in self._exact:
            return False
        self._exact.add(mark)
        return self._add_sketch(text)

    def _add_sketch(self, text: str) -> bool:
        sketch = RMinHash(PERMUTATIONS, 0)
        sketch.update(shingles(text))
        if any(self._sketches[other].jaccard(sketch) >= SIMILAR for other in self._index.query(sketch)):
            return False
        self._index.insert(len(self._sketches), sketch)
        self._sketches.append(sketch)
        return True
