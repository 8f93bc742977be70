"""Log lines about a run: its speed, its loss, its held-out bits per byte."""

import logging
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from experiments.pretrain.rows import PretrainingRows

__all__ = ["Progress"]

log = logging.getLogger(__name__)


class Progress(Callback):
    """Logs the run's speed and loss at intervals, and its held-out bits per byte after each validation."""

    def __init__(self, every_seconds: float = 60.0) -> None:
        self.every_seconds = every_seconds

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock and the count of tokens."""
        self.logged_at, self.tokens = time.monotonic(), _tokens(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log speed and loss if the interval has passed."""
        if (elapsed := time.monotonic() - self.logged_at) >= self.every_seconds:
            speed = (_tokens(trainer) - self.tokens) / elapsed
            _log_progress(trainer, f"{speed:.0f} tokens/s, loss {float(trainer.callback_metrics['train/loss']):.3f}")
            self.logged_at, self.tokens = time.monotonic(), _tokens(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the loss as bits per byte; parts of long files begin without context here, unlike in `evaluate`."""
        bits = float(trainer.callback_metrics["val/loss"]) * _rows_of(trainer).bits_per_nat()
        _log_progress(trainer, f"held-out bits per byte {bits:.4f}")


def _rows_of(trainer: Trainer) -> PretrainingRows:
    """Return the trainer's data."""
    return trainer.datamodule  # type: ignore[attr-defined,no-any-return]


def _tokens(trainer: Trainer) -> int:
    """Return how many tokens the run has read so far."""
    return _rows_of(trainer).tokens(trainer.global_step)


def _log_progress(trainer: Trainer, message: str) -> None:
    """Log a message with the step and the tokens read so far."""
    log.info("step %d, %.2f M tokens: %s", trainer.global_step, _tokens(trainer) / 1e6, message)
