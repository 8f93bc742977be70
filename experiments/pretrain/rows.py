"""The store of the corpus's encoded samples, and the plan of training steps over it."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from random import Random

from torch.utils.data import DataLoader

from codelm.batch import Batch
from codelm.datamodules.packed import PackedDataModule
from codelm.datamodules.rows import InPlannedOrder, PackedRows
from codelm.history.epochs.plan import MicroBatch, micro_batches, pack_stages
from codelm.history.samples.pieces import Sample
from codelm.history.store import Split, StoreWriter, new_store, open_store
from codelm.history.tokenization.encoder import Encoder, MakeSamples, encode_within
from experiments.pretrain.corpus import Document, bucket, read
from experiments.pretrain.documents import in_random_forms, left_to_right

__all__ = ["DECAY_SHARDS", "ROW_LENGTHS", "DecayRows", "PretrainingRows", "build_store"]

ROW_LENGTHS = (512,) * 4 + (1024, 1024, 1024, 2048) * 3
"""The row length of each shard of the corpus, in tokens: short rows first, which take less time early in training."""

DECAY_SHARDS = 4
"""The last shards, kept for the decay, so that training ends with rows of 1,024 and 2,048 tokens."""

_DOCUMENTS_AT_A_TIME = 256
_VALIDATION_FILES = 100
"""Held-out files that training is validated on."""


def build_store(corpus: Path, encoder: Encoder, folder: Path) -> None:
    """Write the store that training reads, with some of the held-out Rust files for validation."""
    held_out = [document for document in read(corpus / "held-out.jsonl") if document.language == "rust"]
    validation = sorted(held_out, key=lambda document: bucket(document.text, 2**32))[:_VALIDATION_FILES]
    with new_store(folder) as (writer, facts):
        _add(writer, encoder, list(read(corpus / "train.jsonl")), Split.TRAIN, in_random_forms)
        _add(writer, encoder, validation, Split.VALIDATION, left_to_right)
        facts["held_out_bytes"] = sum(len(document.text.encode()) for document in validation)


def _add(
    writer: StoreWriter,
    encoder: Encoder,
    documents: Sequence[Document],
    split: Split,
    make: Callable[..., list[Sample]],
) -> None:
    """Encode documents, each for the rows of its shard, and add their samples; the shard is stored as their commit.

    Args:
        writer: The store's writer.
        encoder: The tokenizer.
        documents: Source files.
        split: The split that their samples belong to.
        make: Returns the samples of a document, given the encoder and the shard's row length.
    """
    for shard, max_tokens in enumerate(ROW_LENGTHS):
        of_shard = [each for each in documents if bucket(f"{each.package}/{each.path}", len(ROW_LENGTHS)) == shard]
        for start in range(0, len(of_shard), _DOCUMENTS_AT_A_TIME):
            some = of_shard[start : start + _DOCUMENTS_AT_A_TIME]
            makers: list[MakeSamples] = [partial(make, document, encoder) for document in some]
            for sample in chain.from_iterable(encode_within(makers, encoder, max_tokens)):
                writer.add(sample, split, commit=shard, path=0)


class PretrainingRows(PackedDataModule):
    """The shards of the stable phase, one after the other, several times: step ``n`` always reads the same rows.

    Args:
        folder: The store.
        batch_tokens: Tokens in a batch, whatever the row length of its shard.
        epochs: How often the corpus may be read.
        seed: Decides the order of samples.
    """

    def __init__(self, folder: Path, *, batch_tokens: int, epochs: int = 4, seed: int = 0) -> None:
        super().__init__(
            sequence_length=max(ROW_LENGTHS),
            batch_size=batch_tokens // max(ROW_LENGTHS),
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
        """All steps, in order."""
        return self.stable_plan()

    def stable_plan(self) -> list[MicroBatch]:
        """Return the steps of the stable phase, in order."""
        shards = range(len(ROW_LENGTHS) - DECAY_SHARDS)
        return [step for epoch in range(self.epochs) for shard in shards for step in self.steps(epoch, shard)]

    def steps(self, epoch: int, shard: int) -> list[MicroBatch]:
        """Return the steps of one shard in one epoch."""
        table = self.store.samples
        training = self.store.indices(Split.TRAIN)
        of_shard = training[table["commit"][training] == shard]
        max_tokens = ROW_LENGTHS[shard]
        rows = pack_stages(
            [of_shard], table["length"], max_tokens, seed=self.seed, epoch=epoch * len(ROW_LENGTHS) + shard
        )
        return micro_batches(rows, self.label_weights(1.0), batch_size=self.batch_tokens // max_tokens)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the whole plan, from the trainer's step on."""
        start = self.trainer.global_step if self.trainer else 0
        rows = PackedRows(self.store, self.plan, context_weight=1.0)
        return DataLoader(rows, sampler=InPlannedOrder(rows, start), batch_size=None)

    def digest(self) -> str:
        """Return the SHA-256 of the store's facts and table of samples; its tokens themselves are too many to read."""
        facts = json.dumps(self.store.facts, sort_keys=True).encode()
        return hashlib.sha256(facts + self.store.samples.tobytes()).hexdigest()

    def tokens(self, steps: int) -> int:
        """Return how many tokens the first ``steps`` steps read."""
        lengths = self.store.samples["length"]
        return int(sum(lengths[list(row)].sum() for step in self.plan[:steps] for row in step.rows))

    def bits_per_nat(self) -> float:
        """Return the factor from validation loss, in nats a token, to bits per byte of source code."""
        learned = int(self.store.samples["targets"][self.store.indices(Split.VALIDATION)].sum())
        return learned / float(self.store.facts["held_out_bytes"]) / math.log(2)


class DecayRows(PretrainingRows):
    """The first ``begins`` steps of the stable phase, then those of the shards kept for the decay, in random order."""

    def __init__(self, folder: Path, *, batch_tokens: int, begins: int) -> None:
        super().__init__(folder, batch_tokens=batch_tokens)
        self.begins = begins

    @cached_property
    def plan(self) -> list[MicroBatch]:
        """All steps, in order."""
        reserved = [step for shard in range(len(ROW_LENGTHS))[-DECAY_SHARDS:] for step in self.steps(0, shard)]
        Random(self.seed).shuffle(reserved)
        return self.stable_plan()[: self.begins] + reserved
