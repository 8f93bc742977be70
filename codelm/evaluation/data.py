"""What there is to be examined on, from the store of a repository's history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import islice
from pathlib import PurePosixPath
from random import Random
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.history.held_out import HeldOutChange, held_out_changes
from codelm.history.samples.formats import MIDDLE, SUFFIX, Kind, Role
from codelm.history.store import Part, Store
from codelm.history.tokenization.decoding import Run, decode
from codelm.history.tokenization.encoding import Encoder

Item = TypeVar("Item")

LANGUAGES = {".rs": "rust", ".py": "python", ".pyi": "python"}
"""By the ending of a file's name."""


class Place(NamedTuple):
    """Where a file of the snapshot stands; several repositories may have files of one path, and even one name."""

    commit: int
    """The commit with which its repository's training part ended."""
    path: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A sample of a change, and the commit it is of."""

    commit: int
    ids: NDArray[np.int64]
    roles: NDArray[np.uint8]


class Material:
    """A store, read as questions.

    Args:
        store: The store.
        encoder: What made its tokens.
        learned: The training samples that the weights have learned; None for all.
    """

    def __init__(self, store: Store, encoder: Encoder, learned: Sequence[int] | None = None) -> None:
        self.store = store
        self.encoder = encoder
        self.learned = store.part(Part.TRAIN) if learned is None else np.asarray(sorted(learned), dtype=np.intp)

    def commit(self, number: int) -> dict[str, Any]:
        """Return what is known of a commit: ``sha``, ``repository``, ``time``, ``message``."""
        found: dict[str, Any] = self.store.facts["commits"][number]
        return found

    @cached_property
    def snapshot(self) -> dict[Place, str]:
        """The files as they stood when the training part ended."""
        table, training = self.store.samples, self.store.part(Part.TRAIN)
        paths: list[str] = list(self.store.facts["paths"])
        files: defaultdict[Place, str] = defaultdict(str)
        for index in training[table["kind"][training] == Kind.FILE].tolist():
            files[Place(int(table["commit"][index]), paths[table["path"][index]])] += self.written(index)
        return dict(files)

    @cached_property
    def known_lines(self) -> frozenset[str]:
        """The lines of the snapshot, without the white space around them."""
        return frozenset(line.strip() for text in self.snapshot.values() for line in text.split("\n"))

    def written(self, index: int) -> str:
        """Return what the authors wrote of a sample, in the order of the file: its text without the heading."""
        ids, roles = self.store.sample(index)
        if self.store.samples["kind"][index] == Kind.FIM:
            order = in_file_order(ids, self.encoder)
            ids, roles = ids[order], roles[order]
        runs = decode(ids, self.encoder)
        return "".join(run.text[authored(run, roles) :] for run in runs)

    def learned_texts(self, most: int) -> list[str]:
        """Return what authors wrote of the samples that the weights have learned, at most so many, evenly chosen."""
        return [self.written(index) for index in evenly(self.learned.tolist(), most)]

    def test_chunks(self, most_tokens: int) -> list[Chunk]:
        """Return the samples of the test part, oldest commit first; whole commits spread over it where they are many.

        Args:
            most_tokens: Tokens of all chunks together, about.
        """
        table = self.store.samples
        test = self.store.part(Part.TEST)
        commits = self.oldest_first(np.unique(table["commit"][test]).tolist())
        share = min(1.0, most_tokens / max(1, int(table["length"][test].sum())))
        chosen = evenly(commits, max(1, round(share * len(commits))))
        rank = {commit: place for place, commit in enumerate(chosen)}
        found = [(rank[commit], index) for index in test.tolist() if (commit := int(table["commit"][index])) in rank]
        return [Chunk(int(table["commit"][index]), *self.store.sample(index)) for _, index in sorted(found)]

    def test_changes(self) -> list[HeldOutChange]:
        """Return the changes of the test part, oldest commit first."""
        changes = list(held_out_changes(self.store.folder))
        rank = {commit: place for place, commit in enumerate(self.oldest_first({change.commit for change in changes}))}
        return sorted(changes, key=lambda change: rank[change.commit])

    def oldest_first(self, commits: Iterable[int]) -> list[int]:
        """Return commits by time, those of one repository in its own order, which a wrong clock cannot change."""
        histories: defaultdict[str, list[int]] = defaultdict(list)
        for number in sorted(commits, reverse=True):  # the store numbers the newest of a repository first
            histories[self.commit(number)["repository"]].append(number)
        return list(merge(*histories.values(), key=lambda number: int(self.commit(number)["time"])))

    def windows(self, part: Part, length: int, most: int, seed: int = 0) -> list[NDArray[np.int64]]:
        """Return runs of so many tokens, the second half of which authors wrote and the part teaches or asks.

        Those of training come from what the weights have learned. Each sample gives one at most.
        """
        indices = self.learned if part == Part.TRAIN else self.store.part(part)
        order = Random(seed).sample(indices.tolist(), len(indices))
        found = (self._window(index, length, seed) for index in order)
        return list(islice((window for window in found if window is not None), most))

    def _window(self, index: int, length: int, seed: int) -> NDArray[np.int64] | None:
        ids, roles = self.store.sample(index)
        asked = np.concatenate([[0], np.cumsum(roles == Role.TARGET)])
        half = length // 2
        starts = np.arange(max(0, len(ids) - length + 1))
        starts = starts[asked[starts + length] - asked[starts + half] == length - half]
        if not len(starts):
            return None
        start = Random(f"{seed} {index}").choice(starts.tolist())
        return ids[start : start + length]


def in_file_order(ids: NDArray[np.int64], encoder: Encoder) -> NDArray[np.intp]:
    """Return the places of a sample's tokens, ``[T]``, with what is to be filled in moved to where it belongs."""
    suffix, middle = (np.flatnonzero(ids == encoder.sentinels[name])[0] for name in (SUFFIX, MIDDLE))
    places = np.arange(len(ids))
    return np.concatenate([places[:suffix], places[middle:], places[suffix:middle]])


def authored(run: Run, roles: NDArray[np.uint8]) -> int:
    """Return the place in a run's text where the heading ends; a token may join its line end to what follows."""
    spoken = np.flatnonzero(roles[run.first : run.first + len(run.spans)] != Role.SILENT)
    if not len(spoken):
        return len(run.text)
    if spoken[0] == 0 or run.first == 0:  # a sample that begins with text has no heading; its first token is silent
        return 0
    return run.text.find("\n", int(run.spans[spoken[0], 0]) - 1) + 1


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many items, equally far apart.

    >>> evenly([0, 1, 2, 3, 4, 5], 3)
    [0, 2, 4]
    """
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def language_of(path: str) -> str:
    """Return the language of a file by its name: "rust", "python", or its ending, or its name where it has none.

    >>> [language_of(path) for path in ("src/lib.rs", "Cargo.toml", "src.d/Makefile")]
    ['rust', 'toml', 'Makefile']
    """
    ending = PurePosixPath(path).suffix
    return LANGUAGES.get(ending, ending[1:] or PurePosixPath(path).name)


def pieces(material: Material, most: int) -> Iterator[tuple[str, str]]:
    """Yield path and text of what training samples show of changes, at most so many, evenly chosen."""
    table = material.store.samples
    changes = [int(index) for index in material.store.part(Part.TRAIN) if table["kind"][index] != Kind.FILE]
    paths: list[str] = list(material.store.facts["paths"])
    for index in evenly(changes, most):
        yield paths[table["path"][index]], material.written(index)
