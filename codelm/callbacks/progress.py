"""The progress of a training: a bar on a terminal, a line now and then in a log."""

import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from jsonargparse.typing import PositiveFloat
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from tqdm import tqdm

from codelm.lightning_internals import batches_learned
from codelm.runs.record import RunRecord
from codelm.runs.trainer import validates_training

__all__ = ["Progress"]


class Progress(TQDMProgressBar):
    """Lightning's bar on a terminal; elsewhere a readable line every so many seconds.

    Lightning draws its bar into files too, where every step becomes one more carriage return. Both stand on what is
    standard output at the time, which is standard error while a command of codelm runs.

    Args:
        every_seconds: Time between two lines, in seconds.
        refresh_rate: Batches between two updates of the bar.
        record: Where to read the mean training loss before a validation; stands behind `TrainingHistory`, then.
    """

    def __init__(
        self, every_seconds: PositiveFloat = 30.0, refresh_rate: int = 1, record: RunRecord | None = None
    ) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self.record = record or RunRecord()
        self.every_seconds = every_seconds
        self.writes_lines = False
        self.last_line = self.began = self.validation_began = 0.0
        self.batches = 0
        self.batches_to_max_steps = math.inf

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose between bar and lines; Lightning has disabled both on all processes but the first."""
        super().setup(trainer, pl_module, stage)
        self.began = time.monotonic()  # of an epoch in whose middle a training goes on, whose start nobody tells
        self.writes_lines = self.is_enabled and not sys.stdout.isatty()
        if self.writes_lines:
            self.disable()

    @property
    def total_train_batches(self) -> int | float:
        """The batches of this epoch that are trained: up to ``trainer.max_steps`` where that ends the run within it."""
        return min(self.trainer.num_training_batches, self.batches_to_max_steps)

    def on_train_start(self, trainer: Trainer, *rest: Any) -> None:
        """Count the batches of an epoch in whose middle a training goes on."""
        super().on_train_start(trainer, *rest)
        self.batches_to_max_steps = batches_learned(trainer) + _batches_to_max_steps(trainer)

    def on_train_epoch_start(self, trainer: Trainer, *rest: Any) -> None:
        """Begin to count an epoch's time and batches."""
        self.batches_to_max_steps = _batches_to_max_steps(trainer)
        super().on_train_epoch_start(trainer, *rest)
        self.began = time.monotonic()
        self.batches = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar, or write where the epoch is if it is time to."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self.batches += 1
        if self._is_time():
            rate = self.batches / max(self.last_line - self.began, 1e-9)
            total = float(self.total_train_batches)
            left = "?" if math.isinf(total) else tqdm.format_interval((total - batch_idx - 1) / rate)
            of = "until trainer.max_steps" if total < trainer.num_training_batches else "of the epoch left"
            place = f"{batch_idx + 1}/{total:.0f}, {rate:.2f} a second, {left} {of}"
            numbers = _describe(self.get_metrics(trainer, pl_module))
            self._write(f"epoch {trainer.current_epoch + 1}: batch {place}, {numbers}")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count a validation's time."""
        super().on_validation_start(trainer, pl_module)
        self.validation_began = time.monotonic()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *rest: Any
    ) -> None:
        """Move the bar, or write where the validation is if it is time to."""
        super().on_validation_batch_end(trainer, pl_module, outputs, batch, batch_idx, *rest)
        total, done = float(self.total_val_batches_current_dataloader), batch_idx + 1
        if self._is_time() and not math.isinf(total):
            left = tqdm.format_interval((total - done) * (self.last_line - self.validation_began) / done)
            self._write(f"validation: batch {done}/{total:.0f}, {left} of it left")

    def _is_time(self) -> bool:
        """Return whether a line is to be written now, and remember that one is."""
        now = time.monotonic()
        due = self.writes_lines and now - self.last_line >= self.every_seconds
        self.last_line = now if due else self.last_line
        return due

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the validation's bar, or write what it measured."""
        super().on_validation_end(trainer, pl_module)
        if self.writes_lines and validates_training(trainer):
            measured = _describe(self.get_metrics(trainer, pl_module) | self._train_loss(trainer))
            of = "train/loss is of the rows since the last such line, val/loss of lines that held-out commits added"
            self._write(f"epoch {trainer.current_epoch + 1} measured, {measured} ({of})")

    def print(self, *parts: Any, sep: str = " ", **options: Any) -> None:
        """Write above the bar, or just write where there is none."""
        if self.writes_lines:
            self._write(sep.join(map(str, parts)))
            return
        super().print(*parts, sep=sep, **options)

    def _train_loss(self, trainer: Trainer) -> dict[str, float]:
        """Return the training loss of the validation that was just recorded, if one was."""
        validation = self.record.at_step(trainer.global_step)
        return {"train/loss": validation.train_loss} if validation and validation.train_loss is not None else {}

    def _write(self, line: str) -> None:
        """Write a line and flush it, so that a log grows while it is read."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _batches_to_max_steps(trainer: Trainer) -> float:
    """Return how many batches are left until ``trainer.max_steps``; infinity without it."""
    steps = trainer.max_steps - trainer.global_step if trainer.max_steps > 0 else math.inf
    return steps * trainer.accumulate_grad_batches


def _describe(numbers: Mapping[str, Any]) -> str:
    """Return numbers as text, without the version of the run, which its folder says."""
    shown = {name: value for name, value in numbers.items() if name != "v_num"}
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
    )
