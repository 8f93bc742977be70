"""Speed and memory of a training."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from codelm.batch import Batch, learned_tokens
from codelm.runs.environment import peaks
from codelm.runs.trainer import log_scalars

__all__ = ["MemoryPeaks", "TokensPerSecond"]


class TokensPerSecond(Callback):
    """Logs how many tokens a process reads and learns per second, validation not counted, and how full the rows are.

    ``train/tokens_per_second`` counts the positions of its rows, padding too, ``train/learned_tokens_per_second`` those
    with a label of weight; both every ``log_every_n_steps`` and of the first process alone.
    ``train/packing_efficiency`` is the datamodule's, once.
    """

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
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
        self._restart()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out the validation."""
        self._restart()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count a batch; log after the last batch of every n-th step."""
        self.tokens += batch["input_ids"].numel()
        learned = learned_tokens(batch)
        self.learned = learned if self.learned is None else self.learned + learned
        if _is_time_to_log(trainer, batch_idx):
            seconds = time.perf_counter() - self.start
            rates = {"tokens_per_second": self.tokens, "learned_tokens_per_second": int(self.learned)}
            log_scalars(trainer, {f"train/{name}": count / seconds for name, count in rates.items()})
            self._restart()


class MemoryPeaks(Callback):
    """Logs the most memory the process has held so far, ``memory/...`` in GiB, every ``log_every_n_steps``."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Log after the last batch of every n-th step."""
        if _is_time_to_log(trainer, batch_idx):
            log_scalars(trainer, {f"memory/{name}": value for name, value in peaks().items()})


def _is_time_to_log(trainer: Trainer, batch_idx: int) -> bool:
    """Return whether this batch ends a step that the loggers get, or the epoch."""
    ends_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    is_last = batch_idx + 1 == trainer.num_training_batches
    return is_last or (ends_step and trainer.global_step % every == 0)
