"""The data that a model is evaluated on, read from the store of a repository's history."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import islice
from pathlib import PurePosixPath
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codelm.history.analysis import language
from codelm.history.epochs.plan import evenly_spaced
from codelm.history.held_out_changes import HeldOutChange, held_out_changes
from codelm.history.samples.pieces import Kind, Role
from codelm.history.store import Split, Store
from codelm.history.tokenization.decoding import TextRun, decode
from codelm.history.tokenization.encoder import Encoder

__all__ = ["EvaluationData", "HeldOutSample", "SnapshotPath", "language_of"]

_MEASURED = {"Rust": "rust", "Python": "python"}
"""The languages whose syntax the metrics know, and what they are called there."""


class SnapshotPath(NamedTuple):
    """A file of the snapshot; the number of its repository's last training commit tells apart files of equal paths."""

    commit: int
    path: str


@dataclass(frozen=True, slots=True)
class HeldOutSample:
    """A sample of a change of the test split: the number of its commit, and id and `Role` of each token, ``[T]``."""

    commit: int
    ids: NDArray[np.int64]
    roles: NDArray[np.uint8]


class EvaluationData:
    """The samples, files and commits of a store; ``learned`` are the training samples that the weights have learned."""

    def __init__(self, store: Store, encoder: Encoder, learned: Sequence[int] | None = None) -> None:
        self.store = store
        self.encoder = encoder
        self.learned = store.indices(Split.TRAIN) if learned is None else np.asarray(sorted(learned), dtype=np.intp)

    def commit(self, number: int) -> dict[str, Any]:
        """Return the record of a commit: ``sha``, ``repository``, ``time`` in seconds since 1970, ``message``."""
        return self.store.commits[number]

    @cached_property
    def snapshot(self) -> dict[SnapshotPath, str]:
        """The text of each file as it was when the training split ended."""
        table, training = self.store.samples, self.store.indices(Split.TRAIN)
        files: defaultdict[SnapshotPath, str] = defaultdict(str)
        for index in training[table["kind"][training] == Kind.FILE].tolist():
            files[SnapshotPath(int(table["commit"][index]), self.path(index))] += self.sample_text(index)
        return dict(files)

    @cached_property
    def known_lines(self) -> frozenset[str]:
        """The lines of the snapshot, without the white space around them."""
        return frozenset(line.strip() for text in self.snapshot.values() for line in text.split("\n"))

    def path(self, index: int) -> str:
        """Return the path of the file that a sample is of."""
        return str(self.store.facts["paths"][self.store.samples["path"][index]])

    def sample_text(self, index: int) -> str:
        """Return the text of a sample in the order of its file, without the heading and special tokens."""
        ids, roles = self.store.sample(index)
        if self.store.samples["kind"][index] == Kind.FIM:
            order = _file_order(ids, self.encoder)
            ids, roles = ids[order], roles[order]
        runs = decode(ids, self.encoder)
        return "".join(run.text[_heading_end(run, roles) :] for run in runs)

    def learned_texts(self, limit: int) -> list[str]:
        """Return the texts of at most ``limit`` samples that the weights have learned, evenly spaced."""
        return [self.sample_text(index) for index in evenly_spaced(self.learned.tolist(), limit)]

    def training_changes(self, limit: int) -> list[tuple[str, str]]:
        """Return path and text of at most ``limit`` samples of changes of the training split, evenly spaced."""
        training = self.store.indices(Split.TRAIN)
        changes = training[self.store.samples["kind"][training] != Kind.FILE].tolist()
        return [(self.path(index), self.sample_text(index)) for index in evenly_spaced(changes, limit)]

    def test_samples(self, max_tokens: int) -> list[HeldOutSample]:
        """Return the samples of the test split, oldest commit first.

        Where they have more than ``max_tokens`` tokens, about so many are returned: whole commits, evenly spaced.
        """
        table = self.store.samples
        test = self.store.indices(Split.TEST)
        commits = self.oldest_first(np.unique(table["commit"][test]).tolist())
        share = min(1.0, max_tokens / max(1, int(table["length"][test].sum())))
        chosen = evenly_spaced(commits, max(1, round(share * len(commits))))
        rank = {commit: place for place, commit in enumerate(chosen)}
        found = [(rank[commit], index) for index in test.tolist() if (commit := int(table["commit"][index])) in rank]
        return [HeldOutSample(int(table["commit"][index]), *self.store.sample(index)) for _, index in sorted(found)]

    def test_changes(self) -> list[HeldOutChange]:
        """Return the changes of the test split, oldest commit first."""
        changes = list(held_out_changes(self.store.folder))
        rank = {commit: place for place, commit in enumerate(self.oldest_first({change.commit for change in changes}))}
        return sorted(changes, key=lambda change: rank[change.commit])

    def oldest_first(self, commits: Iterable[int]) -> list[int]:
        """Return commits by time, those of one repository in its own order, which a wrong clock cannot change."""
        histories: defaultdict[str, list[int]] = defaultdict(list)
        for number in sorted(commits, reverse=True):  # the store numbers the newest of a repository first
            histories[self.commit(number)["repository"]].append(number)
        return list(merge(*histories.values(), key=lambda number: int(self.commit(number)["time"])))

    def windows(self, split: Split, length: int, limit: int, seed: int = 0) -> list[NDArray[np.int64]]:
        """Return windows of consecutive token ids, ``[length]``, whose second half consists of target tokens alone.

        Args:
            split: Where the samples are from; of the training split only those that the weights have learned.
            length: Tokens of a window.
            limit: Windows at most; each sample gives one at most.
            seed: Decides on the samples, and on the place of the window in each.
        """
        indices = self.learned if split == Split.TRAIN else self.store.indices(split)
        order = Random(seed).sample(indices.tolist(), len(indices))
        found = (self._draw_window(index, length, seed) for index in order)
        return list(islice((window for window in found if window is not None), limit))

    def _draw_window(self, index: int, length: int, seed: int) -> NDArray[np.int64] | None:
        ids, roles = self.store.sample(index)
        targets_before = np.concatenate([[0], np.cumsum(roles == Role.TARGET)])
        half = length // 2
        starts = np.arange(max(0, len(ids) - length + 1))
        starts = starts[targets_before[starts + length] - targets_before[starts + half] == length - half]
        if not len(starts):
            return None
        start = Random(f"{seed} {index}").choice(starts.tolist())
        return ids[start : start + length]


def _file_order(ids: NDArray[np.int64], encoder: Encoder) -> NDArray[np.intp]:
    """Return the places of an infilling sample's tokens, ``[T]``, in the order prefix, middle, suffix."""
    start, stop = (np.flatnonzero(ids == encoder.special_ids[name])[0] for name in encoder.format.around_after)
    places = np.arange(len(ids))
    return np.concatenate([places[:start], places[stop:], places[start:stop]])


def _heading_end(run: TextRun, roles: NDArray[np.uint8]) -> int:
    """Return the place in a run's text where the heading ends; a token may join its line end to what follows."""
    code = np.flatnonzero(roles[run.first : run.first + len(run.spans)] != Role.IGNORED)
    if not len(code):
        return len(run.text)
    if code[0] == 0 or run.first == 0:  # a sample that begins with text has no heading; its first token is ignored
        return 0
    return run.text.find("\n", int(run.spans[code[0], 0]) - 1) + 1


def language_of(path: str) -> str:
    """Return the language of a file by its name: "rust", "python", or its suffix, or its name where it has none."""
    unmeasured = PurePosixPath(path).suffix[1:] or PurePosixPath(path).name
    return _MEASURED.get(language(path), unmeasured)
