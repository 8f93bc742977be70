"""The losses and the time of a training."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from codelm.batch import Batch, learned_tokens
from codelm.callbacks.recording import RecordingCallback
from codelm.lightning_internals import is_within_step
from codelm.runs.record import RunRecord, TrainLoss, Validation
from codelm.runs.trainer import sum_over_ranks, validates_training

__all__ = ["TrainingHistory"]


class TrainingHistory(RecordingCallback):
    """Records each validation with the mean training loss before it, and how long training takes.

    A resumed run continues the history of the run before.
    """

    state_key = "Manifest"  # the name under which checkpoints of earlier versions keep it

    def __init__(self, record: RunRecord | None = None) -> None:
        super().__init__(record)
        self.unfinished_step = TrainLoss()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to record."""
        self.record.begin(getattr(getattr(trainer, "datamodule", None), "facts", {}))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember where this run begins to train."""
        self.record.resumed_at = (trainer.global_step, len(self.record.history))
        self.unfinished_step.reset()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count a batch towards the mean training loss, and behind an optimizer step those of all processes."""
        self.unfinished_step.add(outputs["loss"], batch)
        if not is_within_step(trainer):
            self._count_batches(trainer)

    def _count_batches(self, trainer: Trainer) -> None:
        if self.unfinished_step.sums is not None:
            self.record.train_loss.add_sums(sum_over_ranks(trainer, self.unfinished_step.sums))
            self.unfinished_step.reset()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count what the validation loss rests on."""
        self.counts: Tensor = torch.zeros(3, dtype=torch.int64)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *rest: Any
    ) -> None:
        """Count a batch, its rows and its targets; a process for which no row is left has an empty one."""
        rows = int(batch["weights"].any(1).sum())
        self.counts += torch.tensor([1, rows, int(learned_tokens(batch))])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record a validation of training."""
        if not validates_training(trainer):
            return
        self._count_batches(trainer)
        record = self.record
        record.held_out = _validation_size(trainer, self.counts, record.facts)
        val_loss = trainer.callback_metrics.get("val/loss")
        record.history.append(
            Validation(
                epoch=trainer.current_epoch + 1,
                step=trainer.global_step,
                train_loss=record.train_loss.mean,
                val_loss=None if val_loss is None else float(val_loss),
                seconds=record.seconds,
            )
        )
        record.train_loss.reset()

    def state_dict(self) -> dict[str, Any]:
        """Keep history and time with a checkpoint, and the losses up to the last optimizer step, where it ends."""
        history = [asdict(each) for each in self.record.history]
        return {"history": history, "seconds": self.record.seconds, "train_loss": self.record.train_loss.sums}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take history and time of the run that is resumed."""
        self.record.history = [Validation(**each) for each in state_dict["history"]]
        self.record.earlier_seconds = state_dict["seconds"]
        self.record.train_loss.sums = state_dict.get("train_loss")


def _validation_size(trainer: Trainer, counts: Tensor, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return on how many held-out batches, rows and target tokens a loss rests, and of how many, where that is known.

    ``counts`` ``[3]`` are this process's; the batches are its own, rows and targets those of all processes.
    """
    loaders: Any = trainer.val_dataloaders
    _, rows, targets = sum_over_ranks(trainer, counts.clone()).tolist()
    return {
        "batches": int(counts[0]),
        "of_batches": len(loaders) if hasattr(loaders, "__len__") else None,
        "rows": rows,
        "targets": targets,
        "of_targets": facts.get("tokenize", {}).get("validation", {}).get("targets"),
    }
