"""Encoded samples in memory-mapped files: written once, whole or not at all, and read without being loaded.

A store is a folder:

    tokens.bin    the ids of all samples, one after the other, four bytes each
    roles.bin     the `Role` of each token, one byte each
    samples.npy   the table: where each sample lies and what is known of it (`SAMPLE`)
    test.jsonl.gz the changes of the test part as text, for evaluation (`codelm.history.held_out`)
    facts.json    how it was made and what was counted on the way
"""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.errors import FULL, DamagedDataError, InputError, cannot_write
from codelm.files import sync_files, sync_folder
from codelm.history.samples.formats import Kind, Role
from codelm.history.tokenization.encoding import Encoded

IDS = np.dtype("<u4")
"""Wide enough for any vocabulary; a history of 100 million tokens takes 400 MB."""
SAMPLE = np.dtype(
    [
        ("offset", "u8"),  # where its first token lies
        ("length", "u4"),  # tokens
        ("targets", "u4"),  # tokens with the role TARGET
        ("contexts", "u4"),  # tokens with the role CONTEXT
        ("kind", "u1"),
        ("part", "u1"),
        ("commit", "u4"),  # index into facts["commits"]
        ("path", "u4"),  # index into facts["paths"]
    ]
)


UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.\w{8}\.tmp")
"""The folders in which stores are built, named by `building` after the store's key."""
ABANDONED = 24 * 60 * 60
"""Seconds without a write after which nobody is building there any more."""


class Part(IntEnum):
    """Which part of the history a sample belongs to."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class Store:
    """An opened store; tokens and roles stay on disk until they are read."""

    folder: Path
    tokens: NDArray[np.unsignedinteger]
    roles: NDArray[np.uint8]
    samples: NDArray[np.void]
    facts: dict[str, Any]

    def sample(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the token ids and the roles of one sample, both of its length."""
        start = int(self.samples["offset"][index])
        span = slice(start, start + int(self.samples["length"][index]))
        return self.tokens[span].astype(np.int64), np.array(self.roles[span])

    def part(self, part: Part) -> NDArray[np.intp]:
        """Return the indices of the samples of one part."""
        return np.flatnonzero(self.samples["part"] == part)


class StoreWriter:
    """Adds samples to a store that is being built; see `building`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tokens = (folder / "tokens.bin").open("wb")
        self._roles = (folder / "roles.bin").open("wb")
        self._table: list[tuple[int, ...]] = []
        self._end = 0

    def add(self, encoded: Encoded, part: Part, *, commit: int, path: int) -> bool:
        """Append one sample; return False, having written nothing, if nothing in it is learned."""
        roles = encoded.roles.copy()
        roles[:1] = Role.SILENT  # the first token of a sample has nothing before it that could predict it
        targets = int((roles == Role.TARGET).sum())
        if not targets:
            return False
        contexts = int((roles == Role.CONTEXT).sum())
        self._tokens.write(encoded.ids.astype(IDS).tobytes())
        self._roles.write(roles.tobytes())
        self._table.append((self._end, len(roles), targets, contexts, encoded.kind, part, commit, path))
        self._end += len(roles)
        return True

    @property
    def table(self) -> NDArray[np.void]:
        """The samples added so far."""
        return np.array(self._table, dtype=SAMPLE)

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the table and the facts, and make everything durable."""
        self.close()
        np.save(self.folder / "samples.npy", self.table)
        about = {"tokens": self._end, **facts}
        (self.folder / "facts.json").write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
        sync_files(self.folder)

    def close(self) -> None:
        """Close the files; a store that is not finished stays incomplete."""
        try:
            self._tokens.close()
        finally:
            self._roles.close()


@contextmanager
def building(target: Path) -> Iterator[tuple[StoreWriter, dict[str, Any]]]:
    """Build the store ``target``: yields a writer and a dictionary of facts to fill.

    The files lie in a folder of another name beside the target until all of them are complete; an interruption
    leaves no half of a store. Where another process was faster, its store stays.

    Raises:
        InputError: The cache cannot be made or written to.
        ResourceError: Its disk is full.
    """
    with told_if_full(target.parent), emptied(new_temporary(target)) as temporary:
        writer, facts = StoreWriter(temporary), dict[str, Any]()
        try:
            yield writer, facts
            writer.finish(facts)
        finally:
            with suppress(OSError):  # of what is thrown away; a full disk refuses also what the buffers still hold
                writer.close()
        put_in_place(temporary, target)


@contextmanager
def told_if_full(cache: Path) -> Iterator[None]:
    """Say which folder has no room, and what chooses another: the system says neither of a file that is open."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise cannot_write("cache folder", cache, error, "--data.cache") from error


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """Hand over a folder that is gone when the block ends, however that is."""
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(temporary: Path, target: Path) -> None:
    """Give a finished store its name, unless another process was faster."""
    try:
        temporary.replace(target)
    except OSError:
        if not target.exists():
            raise
    sync_folder(target.parent)


def new_temporary(target: Path) -> Path:
    """Make the folder in which the store ``target`` is built."""
    cache = target.parent
    try:
        cache.mkdir(parents=True, exist_ok=True)
        remove_abandoned(cache)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=cache))
    except OSError as error:
        if error.errno in FULL:  # nothing is wrong with the folder
            raise
        raise InputError(f"cache folder {cache}: {error.strerror}; choose another with --data.cache") from error


def remove_abandoned(cache: Path) -> None:
    """Remove what killed processes left of stores in ``cache``: unfinished, and not written to for a day."""
    for folder in cache.glob(".*.tmp"):
        if UNFINISHED.fullmatch(folder.name) and last_written(folder) < time.time() - ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)


def last_written(folder: Path) -> float:
    """Return when a folder or a file in it was last written to; now, where that is no longer there."""
    try:
        # Writing to a file does not touch its folder, and a long history may take more than a day.
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return time.time()


def open_store(folder: Path) -> Store:
    """Open a finished store.

    Raises:
        DamagedDataError: A file is missing or of the wrong size, or the table points to what is not there.
    """
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        samples = np.load(folder / "samples.npy")
        tokens = np.memmap(folder / "tokens.bin", dtype=IDS, mode="r")
        roles = np.memmap(folder / "roles.bin", dtype=np.uint8, mode="r")
        length = facts["tokens"]
    except Exception as error:  # what reading damaged bytes raises has no end: ValueError, TokenError, KeyError, ...
        raise DamagedDataError(
            f"the cache {folder} cannot be read ({error}): delete that folder and run again"
        ) from error
    if not len(tokens) == len(roles) == length:
        raise DamagedDataError(f"the cache {folder} is cut short: delete that folder and run again")
    if not consistent(samples, facts):
        raise DamagedDataError(f"the cache {folder} has a damaged samples.npy: delete that folder and run again")
    return Store(folder, tokens, roles, samples, facts)


def consistent(samples: NDArray[np.void], facts: dict[str, Any]) -> bool:
    """Return whether a table can be of these facts: its samples follow each other, and what it points to is there."""
    if samples.dtype != SAMPLE:
        return False
    ends = np.cumsum(samples["length"], dtype=np.uint64)
    follow = np.array_equal(samples["offset"], ends - samples["length"]) and (ends[-1:] == facts["tokens"]).all()
    learned = samples["targets"].astype(np.uint64) + samples["contexts"] <= samples["length"]
    known = (samples["part"] <= max(Part)) & (samples["kind"] <= max(Kind))
    named = [(samples[name] < len(facts[f"{name}s"])).all() for name in ("commit", "path") if f"{name}s" in facts]
    return bool(follow and learned.all() and known.all() and all(named))
