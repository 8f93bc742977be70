"""The encoded samples of an earlier store, used again for the changes and files that are still the same.

A store says which of its samples were made of which change or file, by a key, which is a digest of all that decides
them; and in which texts the filters found nothing. What depends on other commits (the split, duplicates, near
duplicates) is decided anew for each store, and what has another key is made anew. So a store that uses an earlier one
equals one that is built whole.
"""

import json
import logging
from collections.abc import Container, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codelm.history.digest_set import DigestSet
from codelm.history.filters.judged_texts import DIGEST_LENGTH
from codelm.history.samples.pieces import Kind
from codelm.history.store import DamagedStoreError, Store, open_store
from codelm.history.tokenization.encoder import Encoded

__all__ = ["EarlierStore", "Group", "GroupTable", "content_key", "newest_store", "write_reusable"]

log = logging.getLogger(__name__)

_GROUP = np.dtype([("key", "S32"), ("first", "<u8"), ("samples", "<u4"), ("without_targets", "<u4")])

_JUDGED_FILE = "judged.bin"


class Group(NamedTuple):
    """The samples of one change or file in a store, which stand side by side.

    Attributes:
        key: The digest of what they were made of, 32 bytes.
        first: Index of the first one in the store's table of samples.
        samples: Their number.
        without_targets: Number of further ones, which were not written since they had no target.
    """

    key: bytes
    first: int
    samples: int
    without_targets: int


class GroupTable:
    """Groups in the bytes of a table, a fifth of what a tuple of each would take."""

    def __init__(self) -> None:
        self._rows = bytearray()

    def add(self, group: Group) -> None:
        """Append a group."""
        self._rows += np.array(group, _GROUP).tobytes()

    def array(self) -> NDArray[np.void]:
        """Return the groups sorted by their keys, ``[groups]``; of those with one key, the last comes last."""
        table = np.frombuffer(self._rows, _GROUP)
        return table[np.argsort(table["key"], kind="stable")]


def content_key(decided_by: Sequence[object], text: str) -> bytes:
    """Return the digest of a text and of what decides, beside the family of a store, which samples are made of it."""
    digest = blake2b(json.dumps(decided_by).encode(), digest_size=32)
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.digest()


def write_reusable(folder: Path, family: str, groups: GroupTable, judged: DigestSet) -> None:
    """Write into a store that is being built what another one can use again.

    Args:
        folder: The folder of the store.
        family: The name of the stores that can.
        groups: Which samples were made of what.
        judged: Digests of texts in which filters found nothing (`JudgedTexts`).
    """
    np.save(folder / _file_name(family), groups.array())
    (folder / _JUDGED_FILE).write_bytes(judged.sorted_bytes())


def _file_name(family: str) -> str:
    return f"groups.{family}.npy"


@dataclass(slots=True)
class EarlierStore:
    """A finished store, and how often it was asked for the samples of a change or file and had them."""

    store: Store
    groups: NDArray[np.void]
    """Which of its samples were made of what, sorted by key."""
    judged: Container[bytes]
    """Digests of texts in which filters found nothing, as of `write_reusable`."""
    asked: int = 0
    found: int = 0

    def take(self, key: bytes) -> tuple[list[Encoded], int] | None:
        """Return the samples with a key, and the number of those that were not written; None if there are none."""
        self.asked += 1
        wanted = np.array(key, _GROUP["key"])
        place = int(np.searchsorted(self.groups["key"], wanted, "right")) - 1
        if place < 0 or self.groups["key"][place] != wanted:
            return None
        self.found += 1
        _, first, samples, without_targets = self.groups[place].tolist()
        return [self._encoded(row) for row in self.store.samples[first : first + samples]], without_targets

    def _encoded(self, row: Any) -> Encoded:
        place = slice(int(row["offset"]), int(row["offset"]) + int(row["length"]))
        return Encoded(self.store.tokens[place], self.store.roles[place], Kind(row["kind"]))


def newest_store(cache: Path, family: str) -> EarlierStore | None:
    """Return the store of a family that was built last; None if the cache has none that is whole.

    Each damaged one that is passed over is named in a line.
    """
    try:
        found = [path for path in cache.glob(f"*/{_file_name(family)}") if not path.parent.name.startswith(".")]
        newest_first = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:  # removed in the meantime
        return None
    return next(filter(None, map(_opened, newest_first)), None)


def _opened(path: Path) -> EarlierStore | None:
    """Return the store that holds a file of groups; None where it is damaged, or has just been removed."""
    try:
        store = open_store(path.parent)
        judged = DigestSet(DIGEST_LENGTH, (path.parent / _JUDGED_FILE).read_bytes())
        return EarlierStore(store, np.load(path), judged)
    except (DamagedStoreError, OSError, ValueError) as error:
        if path.parent.exists():
            what = error.what if isinstance(error, DamagedStoreError) else error
            log.warning(
                "history: ignoring the cache %s, which is damaged (%s): what it holds is made anew", path.parent, what
            )
        return None
