"""Rows at a time, changed without changing what a run learns from."""

from typing import Any

from lightning.pytorch import Trainer

__all__ = ["batch_settings", "change_batch_size", "scaled_limit"]

_LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "val_check_interval")
"""The trainer's settings that count batches, where they are whole numbers."""


def change_batch_size(trainer: Trainer, datamodule: Any, rows: int) -> None:
    """Let a trainer take so many rows at a time, and as many rows as before to an optimizer step and an epoch.

    Args:
        trainer: Its settings are changed.
        datamodule: Its ``batch_size`` is changed.
        rows: Rows in a batch, a divisor of those of an optimizer step.
    """
    before = datamodule.batch_size
    datamodule.batch_size = rows
    trainer.accumulate_grad_batches = trainer.accumulate_grad_batches * before // rows
    for name in _LIMITS:
        setattr(trainer, name, scaled_limit(getattr(trainer, name), before, rows))


def scaled_limit(limit: Any, before: int, after: int) -> Any:
    """Return a limit in batches of ``after`` rows for one in batches of ``before``, rounded up; a share of all stays.

    >>> scaled_limit(90, 2, 1), scaled_limit(7, 1, 4), scaled_limit(0.5, 2, 1)
    (180, 2, 0.5)
    """
    return -(-limit * before // after) if isinstance(limit, int) else limit


def batch_settings(trainer: Trainer, datamodule: Any) -> dict[str, Any]:
    """Return the whole numbers that `change_batch_size` changes, by the settings' full names."""
    counts = {f"trainer.{name}": getattr(trainer, name) for name in ("accumulate_grad_batches", *_LIMITS)}
    whole = {name: value for name, value in counts.items() if isinstance(value, int)}
    return {"data.batch_size": datamodule.batch_size} | whole
