"""Packed rows from a store of samples, for Lightning or for a bare PyTorch loop."""

import logging
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from codelm.batch import Batch
from codelm.datamodules.checks import cores_for_each
from codelm.datamodules.rows import InPlannedOrder, PackedRows, role_weights, set_up_worker
from codelm.history.epochs import plan
from codelm.history.epochs.plan import MicroBatch, Row
from codelm.history.epochs.training_rows import training_difficulty, training_rows
from codelm.history.samples.pieces import Role
from codelm.history.store import Split, Store
from codelm.lightning_internals import batches_learned

__all__ = ["PackedDataModule"]

log = logging.getLogger(__name__)


class PackedDataModule(LightningDataModule):
    """Serves a `Store`, which a subclass opens in its ``setup``, as packed rows.

    Args:
        sequence_length: Tokens in a row.
        batch_size: Rows in a batch.
        context_weight: Loss weight of unchanged lines, beside 1 for the lines that are learned.
        curriculum_epochs: How many epochs it takes from easy samples to all of them; 0 begins with all.
        seed: Decides the draw and the order of samples.
        num_workers: Processes that prepare batches, no more than there are cores; 0 prepares them in the main process.
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
        self.ranks_of_checkpoint: int | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that decide what a training ends with."""
        names = ("sequence_length", "batch_size", "context_weight", "curriculum_epochs", "seed")
        return {name: getattr(self, name) for name in names}

    def setup(self, stage: str | None = None) -> None:
        """Let Lightning call `train_dataloader` in each epoch: each has its own plan and its own length."""
        if self.trainer is not None:
            self.trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]
        if self.workers < self.num_workers:
            log.warning(
                "data.num_workers is %d, %d are started: this process of the run has so many cores",
                *(self.num_workers, self.workers),
            )

    @property
    def workers(self) -> int:
        """The processes that prepare this rank's batches; how many there are changes no batch."""
        ranks = 1 if self.trainer is None else self.trainer.num_devices
        return min(self.num_workers, cores_for_each(ranks))

    @cached_property
    def draw(self) -> tuple[NDArray[np.float64], int]:
        """The importance of each training sample, ``[samples]``, and the number of samples that an epoch draws."""
        samples = len(self.store.indices(Split.TRAIN))
        return np.ones(samples), samples

    @property
    def importances(self) -> NDArray[np.float64]:
        """How often each training sample is drawn, relative to the others, ``[samples]``."""
        return self.draw[0]

    @cached_property
    def difficulties(self) -> NDArray[np.floating]:
        """The difficulty of each training sample, from 0 (easiest) to 1, ``[samples]``."""
        return training_difficulty(self.store.samples[self.store.indices(Split.TRAIN)])

    @property
    def training_ranks(self) -> int:
        """The number of processes of the training: the trainer's, or those of the checkpoint that is measured."""
        return self.ranks_of_checkpoint or (1 if self.trainer is None else self.trainer.world_size)

    @property
    def _max_rows(self) -> int | None:
        """The rows that the trainer takes of an epoch, if ``limit_train_batches`` is a number of batches; else None."""
        if self.trainer is None or not isinstance(self.trainer.limit_train_batches, int):
            return None
        return self.trainer.limit_train_batches * self.batch_size * self.training_ranks

    def rows(self, epoch: int) -> list[Row]:
        """Return the rows of one training epoch; Lightning cuts them by a ``limit_train_batches`` that is a share.

        A number of batches is cut here, so that rows of all stages of the curriculum stay, not the easy ones alone.
        """
        training, lengths = self.store.indices(Split.TRAIN), self.store.samples["length"]
        drawn = training, lengths, self.importances, self.difficulties, self.sequence_length
        rows = training_rows(
            *drawn, seed=self.seed, epoch=epoch, curriculum_epochs=self.curriculum_epochs, draws=self.draw[1]
        )
        return plan.evenly_spaced(rows, self._max_rows)

    def drawn(self, steps: int, *, share: float = 1.0, accumulate: int = 1, ranks: int = 1) -> list[int]:
        """Return the indices of the training samples in the rows of the first optimizer steps, each once, in order.

        Args:
            steps: The number of optimizer steps.
            share: The share of an epoch's batches that Lightning takes; see `rows`.
            accumulate: Batches of one rank in an optimizer step.
            ranks: Processes that train together.
        """
        return sorted({index for row in self._rows_of_steps(steps, share, accumulate, ranks) for index in row})

    def _rows_of_steps(self, steps: int, share: float, accumulate: int, ranks: int) -> list[Row]:
        """Return the rows of the first optimizer steps; see `drawn`."""
        size = self.batch_size * ranks
        epochs = (self.rows(epoch) for epoch in count())
        taken = (rows[: int(share * -(-len(rows) // size)) * size] for rows in epochs)
        return list(plan.rows_of_steps(taken, size * accumulate, steps))

    def commits_of_step(self, step: int) -> list[str]:
        """Return the ids of the commits that one optimizer step of the trainer learns from; the first step is 0."""
        trainer: Any = self.trainer
        limit = trainer.limit_train_batches
        slicing = limit if isinstance(limit, float) else 1.0, trainer.accumulate_grad_batches, trainer.world_size
        earlier, rows = (self._rows_of_steps(steps, *slicing) for steps in (step, step + 1))
        samples = [index for row in rows[len(earlier) :] for index in row]
        commits = self.store.commits
        return (
            list(dict.fromkeys(commits[each]["sha"] for each in self.store.samples["commit"][samples]))
            if commits
            else []
        )

    def micro_batches(self, epoch: int, *, accumulate: int = 1, rank: int = 0, ranks: int = 1) -> list[MicroBatch]:
        """Return the batches of one rank in one training epoch.

        Args:
            epoch: The epoch, from 0.
            accumulate: Batches of one rank in an optimizer step.
            rank: The number of the process, from 0.
            ranks: Processes that train together.
        """
        rows, weights = self.rows(epoch), self.label_weights(self.context_weight)
        return plan.micro_batches(
            rows, weights, batch_size=self.batch_size, accumulate=accumulate, rank=rank, ranks=ranks
        )

    def optimizer_steps(self, epochs: int, *, share: float = 1.0, accumulate: int = 1, ranks: int = 1) -> int:
        """Return the number of optimizer steps of some epochs.

        Args:
            epochs: How many, from the first.
            share: The part of each epoch's batches that is trained, from 0 to 1.
            accumulate: Batches of an optimizer step.
            ranks: Processes that train together.
        """
        size = self.batch_size * ranks
        batches = (int(share * -(-len(self.rows(epoch)) // size)) for epoch in range(epochs))
        return sum(-(-each // accumulate) for each in batches)

    @property
    def total_steps(self) -> int | None:
        """The optimizer steps of the trainer's whole run; None where only the trainer knows them."""
        trainer = self.trainer
        if trainer is None or trainer.max_epochs in (None, -1):
            return None
        slicing = {"accumulate": trainer.accumulate_grad_batches, "ranks": trainer.world_size}
        share = 1.0 if self._max_rows is not None else float(trainer.limit_train_batches)
        steps = self.optimizer_steps(trainer.max_epochs, share=share, **slicing)
        return steps if trainer.max_steps == -1 else min(steps, trainer.max_steps)

    def packing_efficiency(self, epoch: int = 0) -> float:
        """Return the share of a training epoch's positions that hold tokens, 0 to 1."""
        return plan.efficiency(self.rows(epoch), self.store.samples["length"], self.sequence_length)

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
        slicing = {"accumulate": trainer.accumulate_grad_batches, **self._ranks}
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
        rows = plan.pack_stages([self.store.indices(split)], lengths, self.sequence_length, seed=self.seed, epoch=0)
        planned = plan.micro_batches(rows, self.label_weights(0.0), batch_size=self.batch_size, **self._ranks)
        return self._loader(planned, context_weight=0.0)

    @property
    def _ranks(self) -> dict[str, int]:
        """This process's number and how many there are, as arguments; none without a trainer."""
        trainer = self.trainer
        return {"rank": trainer.global_rank, "ranks": trainer.world_size} if trainer is not None else {}

    def _loader(self, planned: list[MicroBatch], context_weight: float, start: int = 0) -> DataLoader[Batch]:
        rows = PackedRows(self.store, planned, context_weight)
        return DataLoader(
            rows,
            sampler=InPlannedOrder(rows, start),
            batch_size=None,  # the plan has grouped the rows already
            num_workers=self.workers,
            worker_init_fn=set_up_worker,
        )
