"""Near duplicates of training text among the held-out hunks, found by the 5-grams of words that they share."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from codelm.git.commits import Change, Commit, Hunk
from codelm.history.filters.drops import DropCounts, Place

__all__ = ["NearDuplicates", "drop_near_duplicates"]

_N = 5
"""Words in an n-gram."""
_MIN_CONTAINMENT = 0.8
"""Share of the n-grams of a hunk, known from training, from which the hunk is a near duplicate."""
_MIN_PENDING = 1 << 23
"""Bytes of digests that are collected at least before they are merged into the sorted ones."""
_NEAR_DUPLICATE = "near copy of training"
_ONLY_NEAR_DUPLICATES = "only near copies of training"

_WORDS_ONLY = bytes(byte if re.match(rb"[A-Za-z_0-9]", bytes([byte])) else ord(" ") for byte in range(256))
_FACTORS = (np.random.default_rng(0).integers(1 << 63, size=_N, dtype=np.uint64) << np.uint64(1)) | np.uint64(1)

_Digests = NDArray[np.uint64]


@dataclass(slots=True)
class NearDuplicates:
    """Remembers training text by 64-bit digests of its n-grams, 8 bytes each, to find near duplicates of it."""

    known: _Digests = field(default_factory=lambda: np.empty(0, np.uint64))
    """Sorted, each once."""
    pending: bytearray = field(default_factory=bytearray)
    """Those to be merged into it; an array for each text would take several times as much."""

    def add(self, text: str) -> None:
        """Add training text: what one hunk added, or a whole file."""
        self.pending += _ngrams(text).tobytes()
        if len(self.pending) > max(_MIN_PENDING, self.known.nbytes // 8):
            self._merge_pending()

    def contains(self, hunk: Hunk) -> bool:
        """Return whether a hunk is long enough to judge (3 lines or 12 words) and a near duplicate."""
        text = "".join(hunk.added)
        if len(hunk.added) < 3 and len(_words(text)) < 12:
            return False
        self._merge_pending()
        ngrams = _distinct(_ngrams(text))
        if not len(ngrams) or not len(self.known):
            return False
        places = np.minimum(np.searchsorted(self.known, ngrams), len(self.known) - 1)
        return bool(np.mean(self.known[places] == ngrams) >= _MIN_CONTAINMENT)

    def _merge_pending(self) -> None:
        if self.pending:
            self.known = _distinct(np.concatenate([self.known, np.frombuffer(self.pending, np.uint64)]))
            self.pending = bytearray()


def drop_near_duplicates(
    commits: Iterable[Commit], near_duplicates: NearDuplicates, drops: DropCounts
) -> Iterator[Commit]:
    """Yield held-out commits without the hunks that are near duplicates of training text; ``drops`` is added to.

    A model can solve such hunks from memory. After a split by time they are 4 to 7 % of the hunks of three lines or
    more.
    """
    for commit in commits:
        kept = (_without_near_duplicates(commit.sha, change, near_duplicates, drops) for change in commit.changes)
        changes = tuple(filter(None, kept))
        if changes:
            yield replace(commit, changes=changes)
        else:
            drops.add("commits", _ONLY_NEAR_DUPLICATES, Place(commit.sha))


def _without_near_duplicates(
    sha: str, change: Change, near_duplicates: NearDuplicates, drops: DropCounts
) -> Change | None:
    copies = [near_duplicates.contains(hunk) for hunk in change.hunks]
    for hunk, is_copy in zip(change.hunks, copies, strict=True):
        if is_copy:
            drops.add("hunks", _NEAR_DUPLICATE, Place(sha, change.path, hunk.new_start + 1))
    hunks = tuple(hunk for hunk, is_copy in zip(change.hunks, copies, strict=True) if not is_copy)
    if not hunks:
        drops.add("files", _ONLY_NEAR_DUPLICATES, Place(sha, change.path))
    return replace(change, hunks=hunks) if hunks else None


def _words(text: str) -> list[bytes]:
    return text.encode(errors="replace").translate(_WORDS_ONLY).split()  # half the time of an expression


def _ngrams(text: str) -> _Digests:
    """Return the digest of each n-gram of words, ``[n-grams]``."""
    words = _words(text)
    if len(words) < _N:
        return np.empty(0, np.uint64)
    digests, count = np.fromiter(map(_digest, words), np.uint64, len(words)), len(words) - _N + 1
    ngrams: _Digests = digests[:count] * _FACTORS[0]
    for place in range(1, _N):
        ngrams += digests[place : place + count] * _FACTORS[place]
    return ngrams


def _distinct(digests: _Digests) -> _Digests:
    """Sort digests in place, and return each once; of millions several times as fast as `numpy.unique`."""
    digests.sort()
    return digests[np.append(True, digests[1:] != digests[:-1])] if len(digests) else digests


@lru_cache(maxsize=1 << 17)
def _digest(word: bytes) -> int:
    return int.from_bytes(blake2b(word, digest_size=8).digest())
