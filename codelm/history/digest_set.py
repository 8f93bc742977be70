"""A set of digests in little more memory than the digests themselves take."""

from collections.abc import Collection, Iterator
from hashlib import blake2b

import numpy as np

__all__ = ["DigestSet", "digest"]

_MIN_RECENT = 1 << 16
"""Digests that are kept one by one at least, about 100 bytes each, before they are merged into the sorted ones."""


def digest(text: str, length: int) -> bytes:
    """Return a digest of a text in so many bytes; lone surrogates count as they are."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=length).digest()


class DigestSet(Collection[bytes]):
    """A set of digests of equal length, which grows to millions: a set of Python's takes 100 bytes for each.

    Most lie sorted in an array, the newest in a set of Python's, which is merged into it when it holds a sixteenth as
    many.

    Args:
        length: Bytes of a digest.
        digests: The digests to begin with, sorted and each once, as `sorted_bytes` returns them.
    """

    def __init__(self, length: int, digests: bytes = b"") -> None:
        self._type = np.dtype(f"S{length}")
        self._sorted = np.frombuffer(digests, self._type)
        self._recent: set[bytes] = set()

    def __contains__(self, digest: object) -> bool:
        return digest in self._recent or (isinstance(digest, bytes) and self._is_sorted_in(digest))

    def __iter__(self) -> Iterator[bytes]:
        merged, length = self.sorted_bytes(), self._type.itemsize
        return (merged[start : start + length] for start in range(0, len(merged), length))

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DigestSet) and self.sorted_bytes() == other.sorted_bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def add(self, digest: bytes) -> None:
        """Add a digest."""
        if digest in self:
            return
        self._recent.add(digest)
        if len(self._recent) > max(_MIN_RECENT, len(self._sorted) // 16):
            self._merge()

    def sorted_bytes(self) -> bytes:
        """Return all digests, sorted, one behind the other."""
        self._merge()
        return self._sorted.tobytes()

    def _is_sorted_in(self, digest: bytes) -> bool:
        if not len(self._sorted) or len(digest) != self._type.itemsize:
            return False
        wanted = np.array(digest, self._type)  # as long as the others: numpy takes zeros at the end for nothing
        place = int(np.searchsorted(self._sorted, wanted))
        return place < len(self._sorted) and bool(self._sorted[place] == wanted)

    def _merge(self) -> None:
        if self._recent:
            recent = np.array(sorted(self._recent), self._type)
            self._sorted = np.insert(self._sorted, np.searchsorted(self._sorted, recent), recent)
            self._recent = set()
