"""Changes and files on their way into a store: samples made of them, encoded, and written."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from codelm.history.earlier_stores import EarlierStore, Group, GroupTable, content_key
from codelm.history.store import Split, StoreWriter
from codelm.history.tokenization.encoder import Encoded, Encoder, MakeSamples, encode_within

__all__ = ["Job", "SampleWriter"]

_BLOCK = 256
"""Changes or files encoded at a time: enough for the tokenizer's threads, few enough to keep memory constant."""


class Job(NamedTuple):
    """One change or file to be encoded and written.

    Attributes:
        samples: Makes its samples.
        text: The text they are made of.
        decided_by: All else that decides them, but for what is the same for the whole store.
        split: Their split.
        commit: Index of their commit.
        path: Index of their path.
        spans: The first line, from 0, and the number of lines of each run that is learned; None for a whole file.
    """

    samples: MakeSamples
    text: str
    decided_by: Sequence[object]
    split: Split
    commit: int
    path: int
    spans: Sequence[tuple[int, int]] | None


@dataclass(slots=True)
class SampleWriter:
    """Writes the samples of changes and files, those of an earlier store where it has them.

    Attributes:
        encoder: The tokenizer.
        writer: Takes the samples.
        max_tokens: The most tokens of a sample.
        earlier: The store whose samples are used again.
        groups: Which samples were made of what.
        without_targets: Number of samples that were not written, since they have no target.
        seconds: Time spent on encoding and writing; reading goes on in the meantime.
    """

    encoder: Encoder
    writer: StoreWriter
    max_tokens: int
    earlier: EarlierStore | None = None
    groups: GroupTable = field(default_factory=GroupTable)
    without_targets: int = 0
    seconds: float = 0.0
    _first: int = 0
    """Index of the next sample."""

    def write(self, jobs: Iterator[Job]) -> None:
        """Write the samples of all jobs in their order; while some are encoded, the next jobs are read."""
        with ThreadPoolExecutor(1) as thread:
            writing: Future[None] | None = None
            while block := list(islice(jobs, _BLOCK)):
                if writing is not None:
                    writing.result()
                writing = thread.submit(self._write_block, block)
            if writing is not None:
                writing.result()

    def _write_block(self, jobs: Sequence[Job]) -> None:
        started = time.perf_counter()
        keys = [content_key(job.decided_by, job.text) for job in jobs]
        found = [self.earlier.take(key) if self.earlier else None for key in keys]
        makers = [job.samples for job, known in zip(jobs, found, strict=True) if known is None]
        encoded = iter(encode_within(makers, self.encoder, self.max_tokens))
        for job, key, known in zip(jobs, keys, found, strict=True):
            samples, unwritten = known or (next(encoded), 0)
            self._add(job, key, samples, unwritten)
        self.seconds += time.perf_counter() - started

    def _add(self, job: Job, key: bytes, samples: Sequence[Encoded], unwritten: int) -> None:
        written = sum(self.writer.add(each, job.split, commit=job.commit, path=job.path) for each in samples)
        without_targets = unwritten + len(samples) - written
        self.groups.add(Group(key, self._first, written, without_targets))
        self.without_targets += without_targets
        self._first += written
