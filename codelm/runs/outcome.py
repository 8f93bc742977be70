"""How a run ended and what that rests on, for whoever tells of it."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer
from torch import Tensor

from codelm.callbacks.export import ExportAdapter, best_checkpoint, read_step
from codelm.errors import DamagedDataError, one_line
from codelm.runs.trainer import companion, sum_over_ranks


def ending(exception: BaseException) -> tuple[str, str | None]:
    """Return the status, and for a failure the reason, that an exception gives a run.

    >>> ending(KeyboardInterrupt()), ending(ValueError("no"))
    (('interrupted', None), ('failed', 'ValueError: no'))
    """
    if not isinstance(exception, Exception):  # Ctrl-C, and SIGTERM, which Lightning raises as a SystemExit
        return "interrupted", None
    return "failed", one_line(exception, longest=1000)


def measured(trainer: Trainer, counts: Tensor, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return on how many held-out batches, rows and target tokens a loss rests, and of how many, where that is known.

    ``counts`` are this process's; the batches are its own, rows and targets those of all processes.
    """
    loaders: Any = trainer.val_dataloaders
    _, rows, targets = sum_over_ranks(trainer, counts.clone()).long().tolist()
    return {
        "batches": int(counts[0]),
        "of_batches": len(loaders) if hasattr(loaders, "__len__") else None,
        "rows": rows,
        "targets": targets,
        "of_targets": facts.get("tokenize", {}).get("validation", {}).get("targets"),
    }


def cut_short(trainer: Trainer, pl_module: Any) -> str | None:
    """Return which setting ended a run before its epochs did; None if none did."""
    step, steps = trainer.global_step, pl_module.total_steps()
    at_end = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch and trainer.current_epoch == trainer.max_epochs
    if 0 < trainer.max_steps <= step and not at_end:
        return f"trainer.max_steps reached after {step} steps"
    timer = companion(trainer, Timer)
    left = timer.time_remaining() if timer else None
    if left is not None and left <= 0 and step < steps:
        return f"trainer.max_time reached after {step} of {steps} steps"
    return None


def saved_step(trainer: Trainer) -> int | None:
    """Return the optimizer step of the weights that were saved, or would be now; None if the file does not tell it."""
    export, best = companion(trainer, ExportAdapter), best_checkpoint(trainer)
    if best is None or (export is not None and export.source == "last"):
        return int(trainer.global_step)
    try:
        return read_step(best)
    except DamagedDataError:  # whoever needs its weights says so
        return None


def number(value: Tensor | float | None) -> float | None:
    """Return a metric as a number."""
    return None if value is None else float(value)
