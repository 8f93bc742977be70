"""What there is to be examined on, from the store of a repository's history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from random import Random
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.history.decoding import Run, decode
from codelm.history.encoding import Encoder
from codelm.history.held_out import HeldOutChange, held_out_changes
from codelm.history.samples import MIDDLE, SUFFIX, Kind, Role
from codelm.history.store import Part, Store

Item = TypeVar("Item")

LANGUAGES = {".rs": "rust", ".py": "python", ".pyi": "python"}
"""By the ending of a file's name."""


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
        learned: The training samples that the run has drawn; None for all.
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
    def owners(self) -> dict[str, str]:
        """The name of the repository that a file of the snapshot is of, by path."""
        table = self.store.samples
        paths: list[str] = list(self.store.facts["paths"])
        files = self._files()
        return {paths[table["path"][index]]: str(self.commit(table["commit"][index])["repository"]) for index in files}

    @cached_property
    def snapshot(self) -> dict[str, str]:
        """The files as they stood when the training part ended, by path."""
        paths: list[str] = list(self.store.facts["paths"])
        files: dict[str, str] = {}
        for index in self._files():
            path = paths[self.store.samples["path"][index]]
            files[path] = files.get(path, "") + self.written(int(index))
        return files

    def _files(self) -> NDArray[np.intp]:
        training = self.store.part(Part.TRAIN)
        files: NDArray[np.intp] = training[self.store.samples["kind"][training] == Kind.FILE]
        return files

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

    def test_chunks(self, most_tokens: int) -> list[Chunk]:
        """Return the samples of the test part, oldest commit first; whole commits spread over it where they are many.

        Args:
            most_tokens: Tokens of all chunks together, about.
        """
        table = self.store.samples
        test = self.store.part(Part.TEST)
        commits = np.unique(table["commit"][test])[::-1]  # the store numbers the newest first
        share = min(1.0, most_tokens / max(1, int(table["length"][test].sum())))
        chosen = evenly(commits.tolist(), max(1, round(share * len(commits))))
        rank = {commit: place for place, commit in enumerate(chosen)}
        found = [(rank[commit], index) for index in test.tolist() if (commit := int(table["commit"][index])) in rank]
        return [Chunk(int(table["commit"][index]), *self.store.sample(index)) for _, index in sorted(found)]

    def test_changes(self) -> list[HeldOutChange]:
        """Return the changes of the test part, oldest commit first."""
        return sorted(held_out_changes(self.store.folder), key=lambda change: -change.commit)

    def windows(self, part: Part, length: int, most: int, seed: int = 0) -> list[NDArray[np.int64]]:
        """Return runs of so many tokens, the second half of which authors wrote and the part teaches or asks.

        Those of training come from what the run has drawn. Each sample gives one at most.
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
    """Return the place in a run's text where the heading ends."""
    spoken = np.flatnonzero(roles[run.first : run.first + len(run.spans)] != Role.SILENT)
    return int(run.spans[spoken[0], 0]) if len(spoken) else len(run.text)


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many items, equally far apart.

    >>> evenly([0, 1, 2, 3, 4, 5], 3)
    [0, 2, 4]
    """
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def language_of(path: str) -> str:
    """Return the language of a file by its name: "rust", "python", or its ending.

    >>> language_of("src/lib.rs"), language_of("Cargo.toml")
    ('rust', 'toml')
    """
    ending = "." + path.rpartition(".")[2]
    return LANGUAGES.get(ending, ending[1:])


def pieces(material: Material, most: int) -> Iterator[tuple[str, str]]:
    """Yield path and text of what training samples show of changes, at most so many, evenly chosen."""
    table = material.store.samples
    changes = [int(index) for index in material.store.part(Part.TRAIN) if table["kind"][index] != Kind.FILE]
    paths: list[str] = list(material.store.facts["paths"])
    for index in evenly(changes, most):
        yield paths[table["path"][index]], material.written(index)
