"""Packed rows from a store of samples, for Lightning or for a bare PyTorch loop."""

from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule, Trainer
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from codelm.batch import Batch
from codelm.datamodules.rows import loader
from codelm.history.epochs.curriculum import difficulty, draw_epoch
from codelm.history.epochs.plan import MicroBatch, Row, efficiency, micro_batches, pack_lessons, rows_of_steps
from codelm.history.samples.formats import Kind
from codelm.history.store import Part, Store


class PackedDataModule(LightningDataModule):
    """Serves a `Store`, which a subclass opens in its ``setup``, as packed rows.

    Args:
        sequence_length: Tokens in a row.
        batch_size: Rows in a batch.
        context_weight: Loss weight of unchanged lines, beside 1 for the lines that are learned.
        curriculum_epochs: How many epochs it takes from easy samples to all of them; 0 begins with all.
        seed: Decides the draw and the order of samples.
        num_workers: Processes that prepare batches; 0 prepares them in the main process.
    """

    store: Store

    def __init__(
        self,
        *,
        sequence_length: int,
        batch_size: int,
        context_weight: float,
        curriculum_epochs: float,
        seed: int,
        num_workers: int,
    ) -> None:
        super().__init__()
        self.sequence_length = sequence_length
        self.batch_size = batch_size
        self.context_weight = context_weight
        self.curriculum_epochs = curriculum_epochs
        self.seed = seed
        self.num_workers = num_workers

    def setup(self, stage: str | None = None) -> None:
        """Ask Lightning for a new training loader each epoch: each has its own plan and its own length."""
        if self.trainer is not None:
            self.trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]

    @cached_property
    def importances(self) -> NDArray[np.float64]:
        """How often each training sample is drawn, relative to the others; all alike unless a subclass knows better."""
        return np.ones(len(self.store.part(Part.TRAIN)))

    @cached_property
    def difficulties(self) -> NDArray[np.floating]:
        """Each training sample's place from easy (0) to hard (1)."""
        samples = self.store.samples[self.store.part(Part.TRAIN)]
        of_commit = np.bincount(samples["commit"], weights=samples["targets"], minlength=1)[samples["commit"]]
        return difficulty(samples["length"], np.where(samples["kind"] == Kind.FILE, samples["targets"], of_commit))

    @property
    def most_rows(self) -> int | None:
        """The rows of an epoch that the trainer takes, where it takes so many batches; None for all."""
        if self.trainer is None or not isinstance(self.trainer.limit_train_batches, int):
            return None
        return self.trainer.limit_train_batches * self.batch_size * self.trainer.world_size

    def rows(self, epoch: int) -> list[Row]:
        """Return the rows of one training epoch.

        Where ``trainer.limit_train_batches`` is a number, the rows it leaves are spread over all lessons: under a
        curriculum the first ones alone would be the easy ones. A share is Lightning's to cut, and takes the first.
        """
        lessons = draw_epoch(
            self.importances, self.difficulties, seed=self.seed, epoch=epoch, curriculum_epochs=self.curriculum_epochs
        )
        training = self.store.part(Part.TRAIN)
        drawn = [training[lesson] for lesson in lessons]
        rows = pack_lessons(drawn, self.store.samples["length"], self.sequence_length, seed=self.seed, epoch=epoch)
        return spread(rows, self.most_rows)

    def drawn(self, steps: int, *, share: float = 1.0, accumulate: int = 1, ranks: int = 1) -> list[int]:
        """Return the training samples that the first so many optimizer steps show, each once.

        ``share`` is that of its batches which Lightning takes of an epoch, as in `rows`.
        """
        size = self.batch_size * ranks
        epochs = (self.rows(epoch) for epoch in count())
        taken = (rows[: int(share * -(-len(rows) // size)) * size] for rows in epochs)
        return sorted({index for row in rows_of_steps(taken, size * accumulate, steps) for index in row})

    def micro_batches(self, epoch: int, *, accumulate: int = 1, rank: int = 0, ranks: int = 1) -> list[MicroBatch]:
        """Return what one rank computes in one training epoch."""
        weights = self.label_weights(self.context_weight)
        return micro_batches(
            self.rows(epoch), weights, batch_size=self.batch_size, accumulate=accumulate, rank=rank, ranks=ranks
        )

    def optimizer_steps(self, epochs: int, *, accumulate: int = 1, ranks: int = 1) -> int:
        """Return the number of optimizer steps in the first ``epochs`` epochs."""
        size = self.batch_size * accumulate * ranks
        return sum(-(-len(self.rows(epoch)) // size) for epoch in range(epochs))

    @property
    def total_steps(self) -> int | None:
        """The optimizer steps of the trainer's whole run; None where only the trainer can tell."""
        trainer = self.trainer
        if trainer is None or trainer.max_epochs in (None, -1):
            return None
        if self.most_rows is None and trainer.limit_train_batches != 1.0:
            return None
        steps = self.optimizer_steps(
            trainer.max_epochs, accumulate=trainer.accumulate_grad_batches, ranks=trainer.world_size
        )
        return steps if trainer.max_steps == -1 else min(steps, trainer.max_steps)

    def packing_efficiency(self, epoch: int = 0) -> float:
        """Return the share of a training epoch's positions that hold tokens, 0 to 1."""
        return efficiency(self.rows(epoch), self.store.samples["length"], self.sequence_length)

    def label_weights(self, context_weight: float) -> NDArray[np.float64]:
        """Return the sum of label weights of each sample of the store."""
        samples = self.store.samples
        return np.asarray(samples["targets"] + context_weight * samples["contexts"], dtype=np.float64)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the current epoch: the trainer's, or epoch 0 in a loop without one."""
        trainer = self.trainer
        if trainer is None:
            return self.epoch_dataloader(0)
        ranks = {"rank": trainer.global_rank, "ranks": trainer.world_size}
        slicing = {"accumulate": trainer.accumulate_grad_batches, **ranks}
        return self.epoch_dataloader(trainer.current_epoch, start=batches_learned(trainer), **slicing)

    def epoch_dataloader(self, epoch: int, *, start: int = 0, **slicing: int) -> DataLoader[Batch]:
        """Return the training loader of one epoch, from batch ``start`` on; ``slicing`` as in `micro_batches`."""
        return self._loader(self.micro_batches(epoch, **slicing), self.context_weight, start)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation rows: the same in every epoch, with weight on the added lines alone."""
        return self._held_out(Part.VALIDATION)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the rows of the newest commits, which no decision of a run may look at."""
        return self._held_out(Part.TEST)

    def _held_out(self, part: Part) -> DataLoader[Batch]:
        lengths = self.store.samples["length"]
        rows = pack_lessons([self.store.part(part)], lengths, self.sequence_length, seed=self.seed, epoch=0)
        ranks: dict[str, Any] = {}
        if self.trainer is not None:
            ranks = {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}
        planned = micro_batches(rows, self.label_weights(0.0), batch_size=self.batch_size, **ranks)
        return self._loader(planned, context_weight=0.0)

    def _loader(self, planned: list[MicroBatch], context_weight: float, start: int = 0) -> DataLoader[Batch]:
        return loader(self.store, planned, context_weight=context_weight, num_workers=self.num_workers, start=start)


def batches_learned(trainer: Trainer) -> int:
    """Return how many batches of its epoch a run has learned that goes on from within one; 0 for all others."""
    if not trainer.fit_loop.restarting:
        return 0
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress
    return 0 if progress.is_last_batch else int(progress.current.processed)


def spread(rows: list[Row], most: int | None) -> list[Row]:
    """Return ``most`` of the rows, in their order and equally far apart; all of them where there are no more.

    >>> spread([(0,), (1,), (2,), (3,), (4,)], 2)
    [(0,), (2,)]
    """
    if most is None or most >= len(rows):
        return rows
    return [rows[index * len(rows) // most] for index in range(most)]
