"""What codelm uses of Lightning's loops that Lightning does not document, all in one place.

Written against lightning 2.6. `ATTRIBUTES` and `CHECKPOINT_KEYS` list every such name; a test looks each of them up and
says in a sentence which one an upgrade has moved.
"""

import traceback
from contextlib import AbstractContextManager
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins import CheckpointIO, TorchCheckpointIO

__all__ = [
    "ATTRIBUTES",
    "CHECKPOINT_KEYS",
    "CLI_HOOKS",
    "attached_trainer",
    "batches_learned",
    "is_at_end_of_epoch",
    "restart_validation",
    "rewind_to_last_step",
    "set_up_validation_data",
    "to_device",
    "use_checkpoint_io",
    "validation_precision",
    "was_restoring",
]

ATTRIBUTES = (
    "fit_loop.restarting",
    "fit_loop.epoch_loop.batch_progress.is_last_batch",
    "fit_loop.epoch_loop.batch_progress.current.processed",
    "fit_loop.epoch_loop.val_loop.setup_data",
    "precision_plugin.convert_input",
    "precision_plugin.val_step_context",
    "strategy.batch_to_device",
    "strategy.checkpoint_io",
)
"""Attributes of a `Trainer`."""

_STEPS = "epoch_loop.automatic_optimization.optim_progress"
_BATCHES = "epoch_loop.batch_progress"
_VALIDATION_BATCHES = "epoch_loop.val_loop.batch_progress"
CHECKPOINT_KEYS = (_STEPS, _BATCHES, _VALIDATION_BATCHES)
"""Keys of ``checkpoint["loops"]["fit_loop"]``."""

_CONNECTOR = "lightning.pytorch.trainer.connectors.checkpoint_connector"
"""The module whose functions ``restore...`` restore the states of a checkpoint."""

CLI_HOOKS = ("_parse_ckpt_path",)
"""Methods of `LightningCLI` that ours overrides."""


def attached_trainer(pl_module: LightningModule) -> Trainer | None:
    """Return the trainer of a module, or None; the documented property raises where there is none."""
    return pl_module._trainer


def batches_learned(trainer: Trainer) -> int:
    """Return how many batches of its epoch a run has learned that resumes from within one; 0 for all others."""
    if not trainer.fit_loop.restarting:
        return 0
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress
    return 0 if progress.is_last_batch else int(progress.current.processed)


def is_at_end_of_epoch(trainer: Trainer) -> bool:
    """Return whether the batch that was trained last is the last one of its epoch."""
    return bool(trainer.fit_loop.epoch_loop.batch_progress.is_last_batch)


def set_up_validation_data(trainer: Trainer) -> None:
    """Have the validation's loader made as Lightning makes it, also where the first epoch ends without a validation."""
    if trainer.val_dataloaders is None:
        trainer.validating = True
        trainer.fit_loop.epoch_loop.val_loop.setup_data()
        trainer.training = True


def to_device(trainer: Trainer, batch: Any) -> Any:
    """Return a batch as validation gets it."""
    return trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch))


def validation_precision(trainer: Trainer) -> AbstractContextManager[None]:
    """Return a context in which the model computes in the precision of validation."""
    context: AbstractContextManager[None] = trainer.precision_plugin.val_step_context()
    return context


def use_checkpoint_io(trainer: Trainer, ours: CheckpointIO) -> None:
    """Let a trainer read and write checkpoints with ``ours`` instead of Lightning's own; a user's plugin stays."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = ours


def rewind_to_last_step(checkpoint: dict[str, Any], accumulate: int) -> None:
    """Move a checkpoint's count of batches back to the epoch's last optimizer step, if it is beyond that.

    Args:
        checkpoint: Changed in place.
        accumulate: Batches of an optimizer step.
    """
    loop = checkpoint["loops"]["fit_loop"]
    steps = loop[_STEPS]["optimizer"]["step"]["current"]["completed"]
    batches = loop[_BATCHES]
    done = min(steps * accumulate, batches["current"]["ready"])  # an epoch's last step may have fewer batches
    beyond = batches["current"]["ready"] - done
    batches["is_last_batch"] = batches["is_last_batch"] and not beyond
    _set_all(batches["current"], done)
    _set_all(batches["total"], batches["total"]["ready"] - beyond)


def restart_validation(checkpoint: dict[str, Any]) -> None:
    """Mark a validation as begun, with no batch done, in a checkpoint that is changed in place."""
    batches = checkpoint["loops"]["fit_loop"][_VALIDATION_BATCHES]
    batches["is_last_batch"] = False
    _set_all(batches["current"], 0)
    _set_all(batches["total"], 0)
    batches["total"] |= {"ready": 1, "started": 1}


def _set_all(progress: dict[str, int], count: int) -> None:
    """Set all counts of a progress to ``count``."""
    progress |= dict.fromkeys(progress, count)


def was_restoring(error: BaseException) -> bool:
    """Return whether an error was raised while Lightning restored the states of a checkpoint."""
    calls = (
        (frame.f_globals.get("__name__"), frame.f_code.co_name) for frame, _ in traceback.walk_tb(error.__traceback__)
    )
    return any(module == _CONNECTOR and name.lstrip("_").startswith("restore") for module, name in calls)
