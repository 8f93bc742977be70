"""How fast a run learns, and how much memory it takes."""

import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from codelm.batch import IGNORE, Batch
from codelm.runs.environment import peaks
from codelm.runs.trainer import log_scalars, sum_over_ranks


class TokensPerSecond(Callback):
    """Logs how many tokens a process reads and learns per second, validation not counted, and how full the rows are.

    ``train/tokens_per_second`` counts the positions of its rows, padding too, ``train/learned_tokens_per_second`` those
    with a label of weight; both every ``log_every_n_steps`` and of the first process alone.
    ``train/packing_efficiency`` is what the datamodule says, once.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin to count anew."""
        self.start, self.tokens = time.perf_counter(), 0
        # Summed where the batch lies and read when logged: reading it at each step would wait for the GPU.
        self.learned: Tensor | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log how full the rows are."""
        facts = getattr(getattr(trainer, "datamodule", None), "facts", {})
        efficiency = facts.get("tokenize", {}).get("packing_efficiency")
        if efficiency is not None:
            log_scalars(trainer, {"train/packing_efficiency": efficiency})

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out what lies between epochs."""
        self.restart()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out the validation."""
        self.restart()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count a batch; log after the last batch of every n-th step."""
        self.tokens += batch["input_ids"].numel()
        learned = learned_tokens(batch)
        self.learned = learned if self.learned is None else self.learned + learned
        if is_time_to_log(trainer, batch_idx):
            seconds = time.perf_counter() - self.start
            rates = {"tokens_per_second": self.tokens, "learned_tokens_per_second": int(self.learned)}
            log_scalars(trainer, {f"train/{name}": count / seconds for name, count in rates.items()})
            self.restart()


class MemoryPeaks(Callback):
    """Logs the most memory the process has held so far, ``memory/...`` in GiB, every ``log_every_n_steps``."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Log after the last batch of every n-th step."""
        if is_time_to_log(trainer, batch_idx):
            log_scalars(trainer, {f"memory/{name}": value for name, value in peaks().items()})


def learned_tokens(batch: Batch) -> Tensor:
    """Return the number of labels with weight, a scalar on the batch's device."""
    return ((batch["labels"] != IGNORE) & (batch["weights"] > 0)).sum()


def is_time_to_log(trainer: Trainer, batch_idx: int) -> bool:
    """Return whether this batch ends a step that the loggers get, or the epoch."""
    ends_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    is_last = batch_idx + 1 == trainer.num_training_batches
    return is_last or (ends_step and trainer.global_step % every == 0)


class TrainLoss:
    """The mean training loss since the last `reset`, over label weights and not over batches."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.sums: Tensor | None = None

    def add(self, loss: Tensor, batch: Batch) -> None:
        """Count a batch: ``loss`` is its share of its step's mean, as Lightning hands it to the end of the batch."""
        weight = (batch["weights"] * (batch["labels"] != IGNORE))[:, 1:].sum()
        sums = torch.stack([loss.detach().float() * batch["step_weight"], weight.float()])
        # A run that goes on has its checkpoint's sums on the CPU.
        self.sums = sums if self.sums is None else self.sums.to(sums.device) + sums

    def gather(self, trainer: Trainer) -> None:
        """Take in what the other processes counted; each must ask."""
        if self.sums is not None:
            self.sums = sum_over_ranks(trainer, self.sums)

    @property
    def mean(self) -> float | None:
        """The mean loss in nats; None before the first batch."""
        if self.sums is None or not self.sums[1]:
            return None
        return float(self.sums[0] / self.sums[1])
