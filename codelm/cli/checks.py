"""Checks of Lightning's settings before anything is read or loaded."""

from collections.abc import Mapping
from os.path import expanduser
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Timer
from torch.cuda import is_available as cuda_is_available

from codelm.cli.impossible_settings import refuse_impossible
from codelm.cli.slurm import refuse_uncounted_tasks
from codelm.errors import InputError

__all__ = ["absolute_path", "check_settings", "first_adapter"]


def check_settings(settings: Mapping[str, Any], *, trains: bool) -> None:
    """Raise `InputError` for the first of the ``settings`` that cannot work, before anything is read.

    Args:
        settings: All settings of the command, by their full names.
        trains: Whether the command trains, and so validates, stops early and keeps the best checkpoint.
    """
    refuse_impossible(settings, trains=trains)
    _refuse_optimizer_without_gpu(settings)
    refuse_uncounted_tasks()
    if trains and _is_no_time(settings["trainer.max_time"]):
        raise InputError("trainer.max_time is 0: nothing would be learned; give DD:HH:MM:SS, or leave it out")


def _refuse_optimizer_without_gpu(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` where an optimizer for CUDA would be made on another device."""
    if settings["model.optimizer"] != "adamw" and (settings["trainer.accelerator"] == "cpu" or not cuda_is_available()):
        raise InputError(f"model.optimizer {settings['model.optimizer']} needs a CUDA GPU: take adamw")


def _is_no_time(duration: Any) -> bool:
    """Return whether a duration, in one of the forms that Lightning takes, is 0."""
    if duration is None:
        return False
    try:
        return Timer(duration).time_remaining() == 0
    except MisconfigurationException:  # it is no duration, as Lightning itself will say
        return False


def absolute_path(path: str) -> str:
    """Return a path that means the same from every folder."""
    try:
        return str(Path(expanduser(path)).resolve())
    except (OSError, RuntimeError) as error:  # the latter for a circle of links, up to Python 3.12
        raise InputError(f"{path} leads to no folder: {error}; give one that exists") from error


def first_adapter(path: str | None, checkpoint: str | None, *, trains: bool) -> str | None:
    """Return the folder of the adapter to begin with; None where all weights are a checkpoint's, and it may be gone.

    A training that goes on from a checkpoint needs it: at its end, it is compared with the adapter that it began with.
    """
    return absolute_path(path) if path is not None and (trains or checkpoint is None) else None
