"""Exact and near duplicates among texts; crates vendor one another."""

import hashlib
import re
from collections.abc import Iterable

from rensa import RMinHash, RMinHashLSH  # type: ignore[import-untyped]

__all__ = ["SeenTexts"]

_PERMUTATIONS = 128
_SHINGLE = 5
_SIMILAR = 0.7
"""Estimated Jaccard similarity of word 5-grams from which one text is a near duplicate of another."""


def _fingerprint(text: str) -> str:
    r"""Return a hash that does not depend on white space.

    >>> _fingerprint("a b") == _fingerprint(" a\n\tb")
    True
    """
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def _shingles(text: str) -> list[str]:
    """Return the runs of five words in ``text``; fewer than five words give one run."""
    words = re.findall(r"\w+", text)
    return [" ".join(words[start : start + _SHINGLE]) for start in range(max(1, len(words) - _SHINGLE + 1))]


class SeenTexts:
    """The texts met so far: the first of several copies is new, the others are recognized."""

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._index = RMinHashLSH(_SIMILAR, _PERMUTATIONS, 16)
        self._sketches: list[RMinHash] = []

    def add_all(self, texts: Iterable[str]) -> None:
        """Add texts that no later text may repeat."""
        for text in texts:
            self.add(text)

    def add(self, text: str) -> bool:
        """Add a text and return whether it was new."""
        digest = _fingerprint(text)
        if digest in self._exact:
            return False
        self._exact.add(digest)
        return self._add_sketch(text)

    def _add_sketch(self, text: str) -> bool:
        sketch = RMinHash(_PERMUTATIONS, 0)
        sketch.update(_shingles(text))
        if any(self._sketches[other].jaccard(sketch) >= _SIMILAR for other in self._index.query(sketch)):
            return False
        self._index.insert(len(self._sketches), sketch)
        self._sketches.append(sketch)
        return True
