"""Checks of Lightning's settings before anything is read or loaded."""

from collections.abc import Mapping
from typing import Any

from codelm.errors import InputError

__all__ = ["check_settings"]

_LOGGED = ("val/loss", "val/perplexity", "train/loss", "train/gradient_norm", "train/learning_rate")
"""The metrics that early stopping and the choice of the best checkpoint may go by."""

_HIGHEST_SEED = 2**32 - 1
"""The highest seed that NumPy takes."""


def check_settings(settings: Mapping[str, Any], *, trains: bool) -> None:
    """Raise `InputError` for the first of the ``settings`` that cannot work, before anything is read.

    Args:
        settings: All settings of the command, by their full names.
        trains: Whether the command trains, and so validates, stops early and keeps the best checkpoint.
    """
    seed = settings["seed_everything"]
    if not isinstance(seed, bool) and not 0 <= seed <= _HIGHEST_SEED:
        raise InputError(f"seed_everything is {seed}: give a number from 0 to {_HIGHEST_SEED}")
    if settings["trainer.accumulate_grad_batches"] < 1:
        raise InputError(
            f"trainer.accumulate_grad_batches is {settings['trainer.accumulate_grad_batches']}: give 1 or more"
        )
    if trains:
        _refuse_no_training(settings)
        _refuse_unlogged_monitors(settings)


def _refuse_no_training(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` where nothing would be trained or validated."""
    for name in ("max_epochs", "max_steps"):
        if settings[f"trainer.{name}"] == 0:
            raise InputError(f"trainer.{name} is 0: nothing would be learned; give 1 or more, or leave it out")
    for name, why in (("train", "nothing would be learned"), ("val", "early stopping and the best checkpoint need it")):
        if settings[f"trainer.limit_{name}_batches"] == 0:
            raise InputError(f"trainer.limit_{name}_batches is 0: {why}; give 1 or more, or leave it out")


def _refuse_unlogged_monitors(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` where a metric is monitored that no run logs; callbacks of the user's own may log others."""
    if settings["trainer.callbacks"]:
        return
    for name, known in (("early_stopping", _LOGGED), ("checkpoint", (*_LOGGED, "epoch", "step", None))):
        if settings[f"{name}.monitor"] not in known:
            raise InputError(
                f"{name}.monitor is {settings[f'{name}.monitor']}, which no run logs: give {' or '.join(_LOGGED[:3])}"
            )
