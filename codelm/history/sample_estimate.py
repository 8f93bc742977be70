"""A table of a history's samples, most of them estimated: only some changes and files are tokenised.

Of large histories the tokenizer would need minutes. So some changes and files are drawn, larger ones more often; of
every other one it is assumed that its samples are those of the drawn one most alike in size. Of a history with fewer
changes and files than are drawn the table is the one that its store would have.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codelm.history.sample_writer import Job
from codelm.history.samples.pieces import Role
from codelm.history.store import SAMPLE, Split
from codelm.history.tokenization.encoder import Encoded, Encoder, encode_within

__all__ = ["EstimatedTable", "SampleEstimate"]

_DRAWN = 128
"""Changes or files of each group that are tokenised: a second of work in all."""
_CHARACTERS = 35
"""Characters of a line, by which the text that is shown around a change is judged."""
_PARTS = 10
"""Parts of the drawn ones, each of which is left out once to see how far the estimate moves."""

_Table = NDArray[np.void]


class _Size(NamedTuple):
    """A change or file: what it takes to give it samples."""

    characters: int
    split: int
    commit: int
    path: int


@dataclass(frozen=True, slots=True)
class EstimatedTable:
    """The samples of a history.

    Attributes:
        samples: The table, ``[samples]`` of `codelm.history.store.SAMPLE`; its offsets mean nothing.
        error: By how much the number of tokens may be off, as a share of it (two standard errors); 0 for a table in
            which nothing is estimated.
        tokenised: Number of changes and files that were tokenised.
        of: Number of all of them.
        shown: Samples of the training split as they will be, with their places in the table's commits and paths.
    """

    samples: _Table
    error: float
    tokenised: int
    of: int
    shown: Sequence[tuple[Encoded, int, int]]


@dataclass(slots=True)
class SampleEstimate:
    """Takes changes and files in place of a `SampleWriter`, and estimates the table of their samples.

    Attributes:
        encoder: The tokenizer.
        max_tokens: The most tokens of a sample.
        context_lines: Lines shown before and after a change.
        seed: Decides what is drawn.
    """

    encoder: Encoder
    max_tokens: int
    context_lines: int
    seed: int
    _groups: dict[str, "_Group"] = field(default_factory=dict)

    def write(self, jobs: Iterator[Job]) -> None:
        """Take changes and files; some are kept, to be tokenised."""
        for job in jobs:
            name = "files" if job.spans is None else "train" if job.split == Split.TRAIN else "held out"
            group = self._groups.setdefault(name, _Group(Random(f"{self.seed} {name}")))
            group.add(job, self._characters(job))

    def table(self) -> EstimatedTable:
        """Tokenise what was drawn, and return the table."""
        groups = list(self._groups.values())
        for group in groups:
            group.encode(self.encoder, self.max_tokens)
        samples = np.concatenate([np.empty(0, SAMPLE), *(group.table() for group in groups)])
        shown = [found for group in groups for found in group.shown()]
        total = max(1, int(samples["length"].sum()))
        error = 2 * math.sqrt(sum(group.variance() for group in groups)) / total
        tokenised, all_ = sum(len(group.drawn) for group in groups), sum(len(group.sizes) for group in groups)
        return EstimatedTable(samples, error, tokenised, all_, shown)

    def _characters(self, job: Job) -> int:
        """Return about how many characters of a text its samples show."""
        if job.spans is None:
            return len(job.text)
        # On average, since half of the hunks show what stands after them, too.
        around = 1.5 * self.context_lines
        return sum(min(len(job.text), round((lines + around) * _CHARACTERS)) for _, lines in job.spans)


@dataclass(slots=True)
class _Group:
    """Changes or files of one kind, of which some are drawn: the larger, the likelier.

    Attributes:
        random: Draws.
        sizes: All of them.
        drawn: A heap of those drawn, by a key of the draw, with their places among all.
        encoded: The samples of those, in the order of their characters.
        donors: Their places among all, in the same order.
    """

    random: Random
    sizes: list[_Size] = field(default_factory=list)
    drawn: list[tuple[float, int, Job]] = field(default_factory=list)
    encoded: list[list[Encoded]] = field(default_factory=list)
    donors: list[int] = field(default_factory=list)

    def add(self, job: Job, characters: int) -> None:
        """Take one more.

        The draw by keys is that of Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006.
        """
        size = max(1, characters)
        key = math.log(1 - self.random.random()) / math.sqrt(size)
        entry = (key, len(self.sizes), job)
        self.sizes.append(_Size(size, job.split, job.commit, job.path))
        if len(self.drawn) < _DRAWN:
            heappush(self.drawn, entry)
        elif key > self.drawn[0][0]:
            heapreplace(self.drawn, entry)

    def encode(self, encoder: Encoder, max_tokens: int) -> None:
        """Make the samples of what was drawn."""
        in_order = sorted((place for _, place, _ in self.drawn), key=lambda place: (self.sizes[place], place))
        jobs = {place: job for _, place, job in self.drawn}
        self.donors = in_order
        made = encode_within([jobs[place].samples for place in in_order], encoder, max_tokens)
        self.encoded = [[each for each in group if _targets(each)] for group in made]

    def table(self) -> _Table:
        """Return the samples of all of them, drawn or not, in their order."""
        donors = self._donor_of_each(np.arange(len(self.donors)))
        donors[self.donors] = np.arange(len(self.donors))
        encoded = np.array([len(each) for each in self.encoded], dtype=np.intp)
        counts = encoded[donors]
        # Where the rows of each donor begin among all, and which of its rows each one is.
        begins, numbers = (np.cumsum(encoded) - encoded)[donors], np.arange(counts.sum())
        numbers -= np.repeat(np.cumsum(counts) - counts, counts)
        rows = _rows([each for group in self.encoded for each in group])
        samples: _Table = rows[np.repeat(begins, counts) + numbers]
        for name in ("split", "commit", "path"):
            samples[name] = np.repeat(np.array([getattr(size, name) for size in self.sizes]), counts)
        return samples

    def variance(self) -> float:
        """Return the variance of the number of tokens, by leaving out each tenth of the drawn ones (jackknife)."""
        if len(self.donors) == len(self.sizes):
            return 0.0
        tokens = np.array([sum(len(each.ids) for each in group) for group in self.encoded])
        places = np.arange(len(self.donors))
        totals = np.array(
            [tokens[self._donor_of_each(places[places % _PARTS != part])].sum() for part in range(_PARTS)]
        )
        return float((_PARTS - 1) / _PARTS * ((totals - totals.mean()) ** 2).sum())

    def shown(self) -> list[tuple[Encoded, int, int]]:
        """Return the samples of the training split that were made, with the places of their commits and paths."""
        return [
            (each, self.sizes[place].commit, self.sizes[place].path)
            for place, group in zip(self.donors, self.encoded, strict=True)
            if self.sizes[place].split == Split.TRAIN
            for each in group
        ]

    def _donor_of_each(self, allowed: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return for each the place, among the encoded, of the allowed one that is most alike in size, ``[sizes]``."""
        sizes = np.array([size.characters for size in self.sizes])
        known = sizes[np.array(self.donors, dtype=np.intp)[allowed]]
        above = np.clip(np.searchsorted(known, sizes), 1, max(1, len(known) - 1))
        below = above - 1
        above = np.minimum(above, len(known) - 1)
        return allowed[np.where(sizes - known[below] <= known[above] - sizes, below, above)]


def _rows(encoded: Sequence[Encoded]) -> _Table:
    """Return the rows of a table for some samples, without their places."""
    rows = np.zeros(len(encoded), SAMPLE)
    for row, each in zip(rows, encoded, strict=True):
        row["length"], row["kind"] = len(each.ids), each.kind
        row["targets"], row["contexts"] = _targets(each), int((each.roles[1:] == Role.CONTEXT).sum())
    return rows


def _targets(encoded: Encoded) -> int:
    """Return the number of tokens that are learned; before the first one nothing stands, so that it is not."""
    return int((encoded.roles[1:] == Role.TARGET).sum())
