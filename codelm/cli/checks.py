"""Settings of Lightning's that it would take, and fail on after minutes, or learn nothing."""

from collections.abc import Mapping
from typing import Any

from codelm.errors import InputError

LOGGED = ("val/loss", "val/perplexity", "train/loss", "train/gradient_norm", "train/learning_rate")
"""The metrics that early stopping and the choice of the best checkpoint may go by."""

HIGHEST_SEED = 2**32 - 1
"""NumPy's."""


def refuse_hopeless(settings: Mapping[str, Any], *, trains: bool) -> None:
    """Raise `InputError` for the first of the ``settings`` that cannot end well, before anything is read.

    Args:
        settings: All settings of the command, by their full names.
        trains: Whether the command learns, and so validates, stops early and chooses.
    """
    seed = settings["seed_everything"]
    if not isinstance(seed, bool) and not 0 <= seed <= HIGHEST_SEED:
        raise InputError(f"seed_everything is {seed}: give a number from 0 to {HIGHEST_SEED}")
    if settings["trainer.accumulate_grad_batches"] < 1:
        raise InputError(
            f"trainer.accumulate_grad_batches is {settings['trainer.accumulate_grad_batches']}: give 1 or more"
        )
    if trains:
        refuse_idle(settings)
        refuse_unlogged(settings)


def refuse_idle(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` where nothing is learned or nothing validated."""
    for name in ("max_epochs", "max_steps"):
        if settings[f"trainer.{name}"] == 0:
            raise InputError(f"trainer.{name} is 0: nothing would be learned; give 1 or more, or leave it out")
    for name, why in (("train", "nothing would be learned"), ("val", "early stopping and the best checkpoint need it")):
        if settings[f"trainer.limit_{name}_batches"] == 0:
            raise InputError(f"trainer.limit_{name}_batches is 0: {why}; give 1 or more, or leave it out")


def refuse_unlogged(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` where a metric is awaited that never comes; callbacks of the user's own may log others."""
    if settings["trainer.callbacks"]:
        return
    for name, known in (("early_stopping", LOGGED), ("checkpoint", (*LOGGED, "epoch", "step", None))):
        if settings[f"{name}.monitor"] not in known:
            raise InputError(
                f"{name}.monitor is {settings[f'{name}.monitor']}, which no run logs: give {' or '.join(LOGGED[:3])}"
            )
