"""Packed rows from a store of samples, for Lightning or for a bare PyTorch loop."""

from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from codelm.batch import Batch
from codelm.datamodules.rows import InPlannedOrder, PackedRows, role_weights
from codelm.history.epochs.curriculum import difficulty, draw_epoch
from codelm.history.epochs.plan import (
    MicroBatch,
    Row,
    efficiency,
    evenly_spaced,
    micro_batches,
    pack_stages,
    rows_of_steps,
)
from codelm.history.samples.pieces import Kind, Role
from codelm.history.store import Split, Store
from codelm.lightning_internals import batches_learned

__all__ = ["PackedDataModule"]


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
        """Let Lightning call `train_dataloader` in each epoch: each has its own plan and its own length."""
        if self.trainer is not None:
            self.trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]

    @cached_property
    def importances(self) -> NDArray[np.float64]:
        """How often each training sample is drawn, relative to the others, ``[samples]``; equally often by default."""
        return np.ones(len(self.store.indices(Split.TRAIN)))

    @cached_property
    def difficulties(self) -> NDArray[np.floating]:
        """The difficulty of each training sample, from 0 (easiest) to 1, ``[samples]``; see `difficulty`."""
        samples = self.store.samples[self.store.indices(Split.TRAIN)]
        of_commit = np.bincount(samples["commit"], weights=samples["targets"], minlength=1)[samples["commit"]]
        return difficulty(samples["length"], np.where(samples["kind"] == Kind.FILE, samples["targets"], of_commit))

    @property
    def max_rows(self) -> int | None:
        """The rows that the trainer takes of an epoch, if ``limit_train_batches`` is a number of batches; else None."""
        if self.trainer is None or not isinstance(self.trainer.limit_train_batches, int):
            return None
        return self.trainer.limit_train_batches * self.batch_size * self.trainer.world_size

    def rows(self, epoch: int) -> list[Row]:
        """Return the rows of one training epoch.

        Where ``trainer.limit_train_batches`` is a number, the rows it leaves are spread over all stages of the
        curriculum: the first ones alone would be the easy ones. A share is cut by Lightning, which takes the first.
        """
        stages = draw_epoch(
            self.importances, self.difficulties, seed=self.seed, epoch=epoch, curriculum_epochs=self.curriculum_epochs
        )
        training = self.store.indices(Split.TRAIN)
        drawn = [training[stage] for stage in stages]
        rows = pack_stages(drawn, self.store.samples["length"], self.sequence_length, seed=self.seed, epoch=epoch)
        return evenly_spaced(rows, self.max_rows)

    def drawn(self, steps: int, *, share: float = 1.0, accumulate: int = 1, ranks: int = 1) -> list[int]:
        """Return the indices of the training samples in the rows of the first optimizer steps, each once, in order.

        Args:
            steps: The number of optimizer steps.
            share: The share of an epoch's batches that Lightning takes; see `rows`.
            accumulate: Batches of one rank in an optimizer step.
            ranks: Processes that train together.
        """
        size = self.batch_size * ranks
        epochs = (self.rows(epoch) for epoch in count())
        taken = (rows[: int(share * -(-len(rows) // size)) * size] for rows in epochs)
        return sorted({index for row in rows_of_steps(taken, size * accumulate, steps) for index in row})

    def micro_batches(self, epoch: int, *, accumulate: int = 1, rank: int = 0, ranks: int = 1) -> list[MicroBatch]:
        """Return the batches of one rank in one training epoch.

        Args:
            epoch: The epoch, from 0.
            accumulate: Batches of one rank in an optimizer step.
            rank: The number of the process, from 0.
            ranks: Processes that train together.
        """
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
        """The optimizer steps of the trainer's whole run; None where only the trainer knows them."""
        trainer = self.trainer
        if trainer is None or trainer.max_epochs in (None, -1):
            return None
        if self.max_rows is None and trainer.limit_train_batches != 1.0:
            return None
        steps = self.optimizer_steps(
            trainer.max_epochs, accumulate=trainer.accumulate_grad_batches, ranks=trainer.world_size
        )
        return steps if trainer.max_steps == -1 else min(steps, trainer.max_steps)

    def packing_efficiency(self, epoch: int = 0) -> float:
        """Return the share of a training epoch's positions that hold tokens, 0 to 1."""
        return efficiency(self.rows(epoch), self.store.samples["length"], self.sequence_length)

    def label_weights(self, context_weight: float) -> NDArray[np.float64]:
        """Return the sum of label weights of each sample of the store, ``[samples]``."""
        samples, weights = self.store.samples, role_weights(context_weight)
        sums = weights[Role.TARGET] * samples["targets"] + weights[Role.CONTEXT] * samples["contexts"]
        return np.asarray(sums, dtype=np.float64)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the current epoch: the trainer's, or epoch 0 in a loop without one."""
        trainer = self.trainer
        if trainer is None:
            return self.epoch_dataloader(0)
        ranks = {"rank": trainer.global_rank, "ranks": trainer.world_size}
        slicing = {"accumulate": trainer.accumulate_grad_batches, **ranks}
        return self.epoch_dataloader(trainer.current_epoch, start=batches_learned(trainer), **slicing)

    def epoch_dataloader(self, epoch: int, *, start: int = 0, **slicing: int) -> DataLoader[Batch]:
        """Return the training loader of one epoch, from batch ``start`` on; ``slicing`` goes to `micro_batches`."""
        return self._loader(self.micro_batches(epoch, **slicing), self.context_weight, start)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the validation rows: the same in every epoch, with weight on the added lines alone."""
        return self._held_out(Split.VALIDATION)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the newest commits' rows, on which no decision of a run may rest."""
        return self._held_out(Split.TEST)

    def _held_out(self, split: Split) -> DataLoader[Batch]:
        lengths = self.store.samples["length"]
        rows = pack_stages([self.store.indices(split)], lengths, self.sequence_length, seed=self.seed, epoch=0)
        ranks: dict[str, Any] = {}
        if self.trainer is not None:
            ranks = {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}
        planned = micro_batches(rows, self.label_weights(0.0), batch_size=self.batch_size, **ranks)
        return self._loader(planned, context_weight=0.0)

    def _loader(self, planned: list[MicroBatch], context_weight: float, start: int = 0) -> DataLoader[Batch]:
        return DataLoader(
            PackedRows(self.store, context_weight),
            sampler=InPlannedOrder(planned, start),
            batch_size=None,  # the plan has grouped the rows already
            num_workers=self.num_workers,
        )
