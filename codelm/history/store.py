"""The store of encoded samples: a folder of memory-mapped files, written once, completely or not at all.

tokens.bin    the ids of all samples, one after the other, four bytes each
roles.bin     the `Role` of each token, one byte each
samples.npy   the table of samples, with the place of each in the files above (`SAMPLE`)
groups.*.npy  which samples were made of which change or file, for later stores (`codelm.history.earlier_stores`)
judged.bin    digests of texts in which filters found nothing, for later stores
unread.txt    blobs that could not be read, if there were any (`codelm.history.completeness`)
test.jsonl.gz the changes of the test split as text, for evaluation (`codelm.history.held_out_changes`)
commits.jsonl the commits of which something was kept, by which samples are weighted
facts.json    what was read, dropped, split and written, and the name of the store
sums.txt      checksums of the files above (`codelm.history.checksums`)
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.errors import FULL, DamagedDataError, cannot_write
from codelm.files import sync_files, sync_folder
from codelm.history.checksums import damage, write_checksums
from codelm.history.json_lines import JsonLines, json_line
from codelm.history.samples.pieces import Role
from codelm.history.store_folders import remove_store, temporary_folder
from codelm.history.tokenization.encoder import Encoded

__all__ = ["SAMPLE", "DamagedStoreError", "Split", "Store", "StoreWriter", "new_store", "open_store"]

_IDS = np.dtype("<u4")
"""32 bits, for vocabularies of any size; a history of 100 million tokens takes 400 MB."""
SAMPLE = np.dtype(
    [
        ("offset", "u8"),  # index of its first token
        ("length", "u4"),  # tokens
        ("targets", "u4"),  # tokens with the role TARGET
        ("contexts", "u4"),  # tokens with the role CONTEXT
        ("kind", "u1"),
        ("split", "u1"),
        ("commit", "u4"),  # index into the commits
        ("path", "u4"),  # index into facts["paths"]
    ]
)
_COMMITS_FILE = "commits.jsonl"


class Split(IntEnum):
    """The split of the history that a sample belongs to."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class Store:
    """An opened store; tokens and roles are read from the disk on access."""

    folder: Path
    tokens: NDArray[np.unsignedinteger]
    roles: NDArray[np.uint8]
    samples: NDArray[np.void]
    commits: Sequence[dict[str, Any]]
    facts: dict[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process, such as a loader's worker, map the files itself: a pickled map holds all its bytes."""
        return _mapped, (self.folder,)

    def sample(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the token ids and the roles of one sample, each ``[T]``."""
        start = int(self.samples["offset"][index])
        tokens = slice(start, start + int(self.samples["length"][index]))
        return self.tokens[tokens].astype(np.int64), np.array(self.roles[tokens])

    def indices(self, split: Split) -> NDArray[np.intp]:
        """Return the indices of the samples of a split, ``[samples]``."""
        return np.flatnonzero(self.samples["split"] == split)


class DamagedStoreError(DamagedDataError):
    """A store is not as it was written."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(f"the cache {folder} is damaged ({what}): run again, and it is made anew")
        self.what = what


class StoreWriter:
    """Adds samples to a store that is being built; see `new_store`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tokens = (folder / "tokens.bin").open("wb")
        self._roles = (folder / "roles.bin").open("wb")
        self._commits = (folder / _COMMITS_FILE).open("wb")
        self._table, self._end = bytearray(), 0  # a tuple of each sample would take six times as much memory

    def add(self, encoded: Encoded, split: Split, *, commit: int, path: int) -> bool:
        """Append a sample and return True; write nothing and return False if it has no target.

        Args:
            encoded: The sample.
            split: The split it belongs to.
            commit: Index of its commit among those of `add_commit`.
            path: Index of its path in ``facts["paths"]``.
        """
        roles = encoded.roles.copy()
        roles[:1] = Role.IGNORED  # nothing comes before the first token, so it cannot be predicted
        targets, contexts = (int((roles == role).sum()) for role in (Role.TARGET, Role.CONTEXT))
        if not targets:
            return False
        self._tokens.write(encoded.ids.astype(_IDS).tobytes())
        self._roles.write(roles.tobytes())
        row = (self._end, len(roles), targets, contexts, encoded.kind, split, commit, path)
        self._table += np.array(row, dtype=SAMPLE).tobytes()
        self._end += len(roles)
        return True

    def add_commit(self, facts: dict[str, Any]) -> None:
        """Append a commit: what its samples are weighted by, in values that JSON can hold."""
        self._commits.write(json_line(facts))

    @property
    def table(self) -> NDArray[np.void]:
        """The samples added so far, ``[samples]`` of `SAMPLE`."""
        return np.frombuffer(self._table, dtype=SAMPLE).copy()

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the table, the facts and the checksums of all files, and sync them to the disk."""
        self.close()
        np.save(self.folder / "samples.npy", self.table)
        text = json.dumps({"tokens": self._end, **facts}, indent=1, sort_keys=True)
        (self.folder / "facts.json").write_text(text, encoding="utf-8")
        write_checksums(self.folder)
        sync_files(self.folder)

    def close(self) -> None:
        """Close the files of tokens, roles and commits."""
        with closing(self._commits), closing(self._roles), closing(self._tokens):
            pass


@contextmanager
def new_store(target: Path) -> Iterator[tuple[StoreWriter, dict[str, Any]]]:
    """Build the store ``target``: yield a writer and a dictionary of facts to fill.

    The files lie in a temporary folder beside the target until all of them are complete, so that an interruption leaves
    no incomplete store. Where another process has built the same store first, that one stays, unless it is damaged.

    Raises:
        InputError: The cache folder cannot be made or written to.
        ResourceError: Its disk is full.
    """
    cache = target.parent
    try:
        temporary = temporary_folder(target)
        try:
            yield from _build(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise cannot_write("cache folder", cache, error, "--data.cache") from error


def _build(temporary: Path, target: Path) -> Iterator[tuple[StoreWriter, dict[str, Any]]]:
    """Let a store be written, and rename its folder unless another process has finished the same store."""
    writer, facts = StoreWriter(temporary), dict[str, Any]()
    try:
        yield writer, facts
        writer.finish({"name": target.name, **facts})
    finally:
        with suppress(OSError):  # the files are given up, and closing writes buffers, which a full disk refuses
            writer.close()
    try:
        temporary.replace(target)
    except OSError:
        if not target.exists():
            raise
        if damage(target):
            remove_store(target)
            temporary.replace(target)
    sync_folder(target.parent)


def open_store(folder: Path) -> Store:
    """Open a finished store, reading all of it once to compare its checksums.

    Raises:
        DamagedStoreError: A file is missing or has changed, or the store is another one than its name says.
    """
    if what := damage(folder):
        raise DamagedStoreError(folder, what)
    store = _mapped(folder)
    if store.facts["name"] != folder.name:
        raise DamagedStoreError(folder, f"it was made as {store.facts['name']}")
    return store


def _mapped(folder: Path) -> Store:
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    tokens = np.memmap(folder / "tokens.bin", dtype=_IDS, mode="r")
    roles = np.memmap(folder / "roles.bin", dtype=np.uint8, mode="r")
    return Store(folder, tokens, roles, np.load(folder / "samples.npy"), JsonLines(folder / _COMMITS_FILE), facts)
