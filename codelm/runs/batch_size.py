"""Rows at a time, changed without changing what a run learns from."""

from typing import Any

from lightning.pytorch import Trainer

__all__ = ["BATCH_COUNTS", "batch_settings", "change_batch_size", "round_limits"]

_LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "val_check_interval")
BATCH_COUNTS = ("accumulate_grad_batches", *_LIMITS)
"""The trainer's settings that count batches, where they are whole numbers."""


def round_limits(trainer: Trainer) -> None:
    """Round a trainer's limits up to whole optimizer steps: they then mean the same rows, whatever is at a time."""
    for name in _LIMITS:
        setattr(trainer, name, _rounded(getattr(trainer, name), trainer.accumulate_grad_batches))


def _rounded(limit: Any, batches: int) -> Any:
    """Return a limit that counts batches rounded up to a multiple of some; a share of all stays.

    >>> _rounded(90, 12), _rounded(96, 12), _rounded(0, 12), _rounded(0.5, 12)
    (96, 96, 0, 0.5)
    """
    return -(-limit // batches) * batches if isinstance(limit, int) else limit


def change_batch_size(trainer: Trainer, datamodule: Any, rows: int) -> None:
    """Let a trainer take so many rows at a time, and as many rows as before to an optimizer step and an epoch.

    Args:
        trainer: Its settings are changed.
        datamodule: Its ``batch_size`` is changed.
        rows: Rows in a batch, a divisor of those of an optimizer step.
    """
    before = datamodule.batch_size
    if rows == before:
        return
    round_limits(trainer)
    for name in _LIMITS:
        limit = getattr(trainer, name)
        setattr(trainer, name, limit * before // rows if isinstance(limit, int) else limit)
    datamodule.batch_size = rows
    trainer.accumulate_grad_batches = trainer.accumulate_grad_batches * before // rows


def batch_settings(trainer: Trainer, datamodule: Any) -> dict[str, Any]:
    """Return the whole numbers that `change_batch_size` changes, by the settings' full names."""
    counts = {f"trainer.{name}": getattr(trainer, name) for name in BATCH_COUNTS}
    whole = {name: value for name, value in counts.items() if isinstance(value, int)}
    return {"data.batch_size": datamodule.batch_size} | whole
