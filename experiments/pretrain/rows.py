"""The corpus as a store of encoded samples, and the store as one long plan of training steps."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from random import Random

from torch.utils.data import DataLoader, Sampler

from codelm.batch import Batch
from codelm.datamodules.packed import PackedDataModule
from codelm.datamodules.rows import PackedRows
from codelm.git.commits import File
from codelm.history.epochs.plan import MicroBatch, micro_batches, pack_lessons
from codelm.history.samples.formats import Formats, Sample, file_samples
from codelm.history.store import Part, StoreWriter, building, open_store
from codelm.history.tokenization.encoding import Encoder, MakeSamples, fitted
from experiments.pretrain.corpus import Document, bucket, read
from experiments.pretrain.documents import samples

ROOMS = (512,) * 4 + (1024, 1024, 1024, 2048) * 3
"""The row length of each shard of the corpus: short rows first, they cost less while the model learns the words."""

RESERVED = 4
"""The last shards, rows of 1,024 and 2,048 tokens among them, wait for the decay: a model must have seen long rows."""

AT_ONCE = 256
GLIMPSE = 100
"""Held-out files that are looked at during training."""


def build_store(corpus: Path, encoder: Encoder, folder: Path) -> None:
    """Write the store that training reads, with a glimpse of held-out Rust to be judged on."""
    held_out = [document for document in read(corpus / "held-out.jsonl") if document.language == "rust"]
    glimpse = sorted(held_out, key=lambda document: bucket(document.text, 2**32))[:GLIMPSE]
    with building(folder) as (writer, facts):
        add(writer, encoder, list(read(corpus / "train.jsonl")), Part.TRAIN, training_samples)
        add(writer, encoder, glimpse, Part.VALIDATION, whole)
        facts["held_out_bytes"] = sum(len(document.text.encode()) for document in glimpse)


def add(
    writer: StoreWriter, encoder: Encoder, documents: Sequence[Document], which: Part, make: Callable[..., list[Sample]]
) -> None:
    """Encode documents, each for the rows of its shard, and add their samples; the shard stands as their commit."""
    for shard, room in enumerate(ROOMS):
        mine = [document for document in documents if shard_of(document) == shard]
        for start in range(0, len(mine), AT_ONCE):
            makers: list[MakeSamples] = [partial(make, each, encoder) for each in mine[start : start + AT_ONCE]]
            for sample in (sample for group in fitted(makers, encoder, room) for sample in group):
                writer.add(sample, which, commit=shard, path=0)


def shard_of(document: Document) -> int:
    """Return the shard of a document, by its name alone."""
    return bucket(f"{document.package}/{document.path}", len(ROOMS))


def training_samples(document: Document, encoder: Encoder, room: int) -> list[Sample]:
    """Return the samples to learn; the draw of their forms depends on the document's name alone."""
    random = Random(f"{document.package}/{document.path}")
    return samples(document.package, document.path, document.text, room, encoder.count, encoder.special, random)


def whole(document: Document, encoder: Encoder, room: int) -> list[Sample]:
    """Return a document left to right."""
    file = File(document.path, blob="", text=document.text)
    return file_samples(document.package, file, Formats(), room, encoder.count, encoder.special)


class PretrainingRows(PackedDataModule):
    """The shards but the reserved ones, one after the other, over and over: step ``n`` always reads the same rows.

    Args:
        folder: The store.
        batch_tokens: Tokens in a batch, whatever the row length of its shard.
        epochs: How often the corpus may be read.
        seed: Decides the order of samples.
    """

    def __init__(self, folder: Path, *, batch_tokens: int, epochs: int = 4, seed: int = 0) -> None:
        super().__init__(
            sequence_length=max(ROOMS),
            batch_size=batch_tokens // max(ROOMS),
            context_weight=1.0,
            curriculum_epochs=0.0,
            seed=seed,
            num_workers=0,
        )
        self.folder = folder
        self.batch_tokens = batch_tokens
        self.epochs = epochs

    def setup(self, stage: str | None = None) -> None:
        """Open the store."""
        self.store = open_store(self.folder)

    @cached_property
    def plan(self) -> list[MicroBatch]:
        """Every step there is to take, in order."""
        return self.stable_plan()

    def stable_plan(self) -> list[MicroBatch]:
        """Return the steps of the stable phase, in order."""
        shards = range(len(ROOMS) - RESERVED)
        return [step for epoch in range(self.epochs) for shard in shards for step in self.steps(epoch, shard)]

    def steps(self, epoch: int, shard: int) -> list[MicroBatch]:
        """Return the steps of one shard in one epoch."""
        table = self.store.samples
        training = self.store.part(Part.TRAIN)
        mine = training[table["commit"][training] == shard]
        room = ROOMS[shard]
        rows = pack_lessons([mine], table["length"], room, seed=self.seed, epoch=epoch * len(ROOMS) + shard)
        return micro_batches(rows, self.label_weights(1.0), batch_size=self.batch_tokens // room)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the whole plan, which begins where the trainer stands."""
        sampler = FromStep(self.plan, lambda: self.trainer.global_step if self.trainer else 0)
        return DataLoader(PackedRows(self.store, 1.0), sampler=sampler, batch_size=None)

    def digest(self) -> str:
        """Return a digest of what the store was counted to hold; its tokens themselves are too many to read."""
        facts = json.dumps(self.store.facts, sort_keys=True).encode()
        return hashlib.sha256(facts + self.store.samples.tobytes()).hexdigest()

    def tokens(self, steps: int) -> int:
        """Return how many tokens the first ``steps`` steps read."""
        lengths = self.store.samples["length"]
        return int(sum(lengths[list(row)].sum() for step in self.plan[:steps] for row in step.rows))

    def bits_per_nat(self) -> float:
        """Return what turns the validation loss, in nats a token, into bits per byte of source code."""
        learned = int(self.store.samples["targets"][self.store.part(Part.VALIDATION)].sum())
        return learned / float(self.store.facts["held_out_bytes"]) / math.log(2)


class DecayRows(PretrainingRows):
    """The steps of the stable phase that were taken, ``begins`` of them, then the reserved shards in random order."""

    def __init__(self, folder: Path, *, batch_tokens: int, begins: int) -> None:
        super().__init__(folder, batch_tokens=batch_tokens)
        self.begins = begins

    @cached_property
    def plan(self) -> list[MicroBatch]:
        """Every step there is to take, in order."""
        reserved = [step for shard in range(len(ROOMS))[-RESERVED:] for step in self.steps(0, shard)]
        Random(self.seed).shuffle(reserved)
        return self.stable_plan()[: self.begins] + reserved


class FromStep(Sampler[MicroBatch]):
    """Serves a plan from the step that ``reached`` names when it begins; its length stays that of the whole plan.

    Lightning counts the batches of a resumed epoch from where it was left, not from 0.
    """

    def __init__(self, plan: Sequence[MicroBatch], reached: Callable[[], int]) -> None:
        self.plan, self.reached = plan, reached

    def __iter__(self) -> Iterator[MicroBatch]:
        return iter(self.plan[self.reached() :])

    def __len__(self) -> int:
        return len(self.plan)
