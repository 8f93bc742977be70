"""How a training run ended, and what its validation loss rests on."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer
from torch import Tensor

from codelm.errors import DamagedDataError
from codelm.lightning_internals import is_at_end_of_epoch
from codelm.runs.checkpoints import best_checkpoint, read_step
from codelm.runs.record import RunRecord
from codelm.runs.trainer import sum_over_ranks

__all__ = ["cut_short", "saved_step", "validation_size"]


def validation_size(trainer: Trainer, counts: Tensor, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return on how many held-out batches, rows and target tokens a loss rests, and of how many, where that is known.

    ``counts`` ``[3]`` are this process's; the batches are its own, rows and targets those of all processes.
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


def cut_short(record: RunRecord, trainer: Trainer, pl_module: Any) -> str | None:
    """Return why a run ended before its epochs did, or had nothing to do; None for all others."""
    step = trainer.global_step
    if record.resumed_at in (None, (step, len(record.history))):
        return (
            f"nothing was left to train: the run is at epoch {trainer.current_epoch} of {trainer.max_epochs}; "
            "raise trainer.max_epochs, or trainer.max_steps or max_time where given"
        )
    at_end = is_at_end_of_epoch(trainer) and trainer.current_epoch == trainer.max_epochs
    if 0 < trainer.max_steps <= step and not at_end:
        return f"trainer.max_steps reached after {step} steps"
    timer = next((each for each in trainer.callbacks if isinstance(each, Timer)), None)  # type: ignore[attr-defined]
    left = timer.time_remaining() if timer else None
    if left is not None and left <= 0 and step < (steps := pl_module.total_steps()):
        return f"trainer.max_time reached after {step} of {steps} steps"
    return None


def saved_step(record: RunRecord, trainer: Trainer) -> int | None:
    """Return the optimizer step of the weights that were saved, or would be now; None if the file cannot be read."""
    if record.weights_step is not None:
        return record.weights_step
    best = best_checkpoint(trainer)
    if best is None:
        return int(trainer.global_step)
    try:
        return read_step(best)
    except DamagedDataError:  # whoever needs its weights reports it
        return None
