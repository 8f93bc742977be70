"""Values of settings at which no run can end well, known without torch and Lightning."""

from collections.abc import Callable, Mapping
from math import inf, isinf, isnan
from operator import not_
from typing import Any

from codelm.cli.defaults import HIGHEST_SEED
from codelm.cli.typed_text import refuse_broken_text
from codelm.errors import InputError

__all__ = ["refuse_impossible", "refuse_long_rows"]

_LOGGED = ("val/loss", "val/perplexity", "train/loss", "train/gradient_norm", "train/learning_rate")
"""The metrics that early stopping and the choice of the best checkpoint may go by."""


def _is_no_limit(value: float) -> bool:
    """Return whether a number is neither one of batches nor a share of them."""
    return not value >= 0 or (isinstance(value, float) and value > 1)


_IMPOSSIBLE: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("trainer.max_epochs", lambda value: value < -1, "give 1 or more, or -1 for no end"),
    ("trainer.max_steps", lambda value: value < -1, "give 1 or more, or -1 for no end"),
    ("trainer.limit_train_batches", _is_no_limit, "give a number of batches, or a share of them up to 1"),
    ("trainer.limit_val_batches", _is_no_limit, "give a number of batches, or a share of them up to 1"),
    ("trainer.accumulate_grad_batches", lambda value: value < 1, "give 1 or more"),
    ("trainer.log_every_n_steps", lambda value: value < 1, "give 1 or more"),
    ("trainer.check_val_every_n_epoch", lambda value: value < 1, "give 1 or more"),
    ("trainer.gradient_clip_val", lambda value: not value >= 0, "give 0 or more"),
    (
        "trainer.val_check_interval",
        lambda value: value == 0,
        "give batches between two validations, or a share of an epoch",
    ),
    (
        "trainer.overfit_batches",
        bool,
        "leave it out; trainer.limit_train_batches and trainer.limit_val_batches cut the two",
    ),
    ("trainer.barebones", bool, "leave it out; a run keeps checkpoints and a manifest"),
    ("trainer.enable_checkpointing", not_, "leave it out; the adapter comes from a checkpoint"),
    ("trainer.default_root_dir", bool, "leave it out; --output is the folder for the runs"),
    ("trainer.min_epochs", lambda value: value < 0, "give 0 or more, or leave it out"),
    ("trainer.min_steps", lambda value: value < 0, "give 0 or more, or leave it out"),
    (
        "checkpoint.dirpath",
        bool,
        "leave it out; checkpoints lie in the run's folder, and --output is that for the runs",
    ),
    ("checkpoint.save_top_k", lambda value: value < 1 and value != -1, "give 1 or more, or -1 for all"),
    ("checkpoint.every_n_epochs", lambda value: value < 1, "give 1 or more"),
    ("checkpoint.every_n_train_steps", lambda value: value < 0, "give 1 or more, or leave it out"),
    ("weights_only", not_, "leave it out; a checkpoint could run code"),
    ("early_stopping.patience", lambda value: value < 0, "give 0 or more"),
    ("early_stopping.min_delta", lambda value: not 0 <= value < inf, "give 0 or more"),
    ("early_stopping.stopping_threshold", isnan, "give a number, or leave it out"),
    ("early_stopping.divergence_threshold", isnan, "give a number, or leave it out"),
    ("model.lora.dropout", lambda value: value == 1, "give less than 1, at which the adapter learns nothing"),
    ("model.base_dropout", lambda value: value == 1, "give less than 1, at which nothing is left to learn from"),
    ("model.lora.inference_scale", not_, "give more than 0, at which nothing of the adapter is used"),
    ("model.lora.alpha", isinf, "give a number above 0"),
    ("model.lora.loraplus_ratio", isinf, "give a number above 0, such as 4"),
    ("model.weight_decay", isinf, "give 0 or more"),
    ("evaluation.minutes", isinf, "give a number above 0, such as 1e6 where time is no matter"),
    ("checkpoint.last_every_minutes", isinf, "give 0 or more, such as 1e6 where time is no matter"),
    ("behavior.temperature", isinf, "give 0 or more"),
    ("behavior.top_p", not_, "give a number above 0, up to 1; at 0 no token is kept"),
)
"""Values of settings at which a run fails in its middle, or which it would pass over."""


def refuse_impossible(settings: Mapping[str, Any], *, trains: bool) -> None:
    """Raise `InputError` for the first of the ``settings`` that cannot work.

    Args:
        settings: All settings of the command, by their full names; None where a value is not known.
        trains: Whether the command trains, and so validates, stops early and keeps the best checkpoint.
    """
    seed = settings["seed_everything"]
    if not isinstance(seed, bool) and not 0 <= seed <= HIGHEST_SEED:
        raise InputError(f"seed_everything is {seed}: give a number from 0 to {HIGHEST_SEED}")
    _refuse_nameless(settings)
    for prompt in settings["behavior.prompts"] or ():
        refuse_broken_text("behavior.prompts", prompt)
    _refuse_values(settings)
    if trains:
        _refuse_no_training(settings)
        _refuse_unlogged_monitors(settings)


def _refuse_nameless(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` for text that is no path: empty, which would mean the current folder, or with a null byte."""
    for name in ("data.repo", "data.cache", "model.base", "model.adapter", "output", "ckpt_path"):
        value = settings[name]
        for text in value if isinstance(value, list) else [value and str(value)]:
            if text == "":
                raise InputError(f"--{name} is empty; give a name or path, or leave it out")
            if text and "\0" in text:
                raise InputError(f"--{name} holds a null byte, which no path can; write it without")


def _refuse_values(settings: Mapping[str, Any]) -> None:
    """Raise `InputError` for the first of the settings whose value is impossible."""
    for name, is_impossible, remedy in _IMPOSSIBLE:
        value = settings[name]
        if value is not None and is_impossible(value):
            given = str(value).lower() if isinstance(value, bool) else value
            raise InputError(f"{name} is {given}: {remedy}")


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


def refuse_long_rows(sequence_length: int, max_positions: int | None, base: str) -> None:
    """Raise `InputError` where rows are longer than the base has positions: it would run, and learn nothing there."""
    if max_positions is not None and sequence_length > max_positions:
        raise InputError(
            f"data.sequence_length {sequence_length} is beyond the {max_positions} positions of base model {base}; "
            "give no more than that"
        )
