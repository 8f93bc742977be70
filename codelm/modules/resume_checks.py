"""The settings that decide what a training ends with, and refusal to go on with other ones."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor

from codelm.errors import InputError

__all__ = ["refuse_other_settings", "refuse_other_weights", "result_settings"]

_TRAINER = (
    "accumulate_grad_batches",
    "limit_train_batches",
    "limit_val_batches",
    "val_check_interval",
    "check_val_every_n_epoch",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "precision",
    "world_size",
)
"""The trainer's settings that decide it; how long it trains may change."""

_LIMITS = ("trainer.limit_train_batches", "trainer.limit_val_batches", "trainer.val_check_interval")
"""Those that count batches where they are whole numbers."""

_OF_EVALUATION = ("model.base_identity.", "model.lora.r", "model.lora.alpha", "model.lora.dora", "model.lora.targets")
"""How the names of the settings begin without which an adapter is another one."""


def result_settings(trainer: Trainer, model: Any, datamodule: Any) -> dict[str, Any]:
    """Return the settings that decide the result of a training, by their full names, as plain values.

    ``model`` and ``datamodule`` name theirs in an attribute ``settings``, if they have one.
    """
    given = {f"trainer.{name}": getattr(trainer, name, None) for name in _TRAINER}
    for part, owner in (("model", model), ("data", datamodule)):
        given |= {f"{part}.{name}": value for name, value in getattr(owner, "settings", {}).items()}
    flat: dict[str, Any] = {}
    for name, value in given.items():
        flat |= _flattened(name, value)
    plain: dict[str, Any] = json.loads(json.dumps(flat))
    return plain


def _flattened(name: str, value: Any) -> dict[str, Any]:
    """Return a setting by its name, or the fields of a dataclass by theirs."""
    if not is_dataclass(value):
        return {name: value}
    found: dict[str, Any] = {}
    for each in fields(value):
        found |= _flattened(f"{name}.{each.name}", getattr(value, each.name))
    return found


def refuse_other_settings(saved: Mapping[str, Any], given: Mapping[str, Any], *, trains: bool = True) -> None:
    """Raise `InputError` where a setting is not what a checkpoint was trained with; what only one side names passes.

    Rows at a time may be others where an optimizer step has as many rows: what is learned stays, but for rounding and
    the draws of dropout.

    Args:
        saved: The checkpoint's `result_settings`.
        given: Those of the run that is to go on from it.
        trains: Whether it goes on training; else only those count which make the trained model another one.
    """
    given = _in_batches_of(saved, given)
    names = [name for name in saved if name in given and (trains or name.startswith(_OF_EVALUATION))]
    other = [f"{name} {_short(saved[name])}, not {_short(given[name])}" for name in names if saved[name] != given[name]]
    if other:
        more = f" ({len(other) - 3} more)" if len(other) > 3 else ""
        raise InputError(
            f"the checkpoint was trained with {'; '.join(other[:3])}{more}: give the settings it was trained with,"
            " which the config.yaml of its run holds, or begin a new run without --ckpt_path"
        )


def _in_batches_of(saved: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return given settings as if its batches were of a checkpoint's size, if its steps have as many rows."""
    rows, batches = "data.batch_size", f"trainer.{_TRAINER[0]}"
    if not all(name in each for name in (rows, batches) for each in (saved, given)) or saved[rows] == given[rows]:
        return given
    if saved[rows] * saved[batches] != given[rows] * given[batches]:
        return given
    limits = {name: given[name] for name in _LIMITS if isinstance(given.get(name), int)}
    counts = {name: -(-limit // given[batches]) * saved[batches] for name, limit in limits.items()}  # of whole steps
    return {**given, **counts, rows: saved[rows], batches: saved[batches]}


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:16]}..."


def refuse_other_weights(saved: Mapping[str, Tensor], trained: Mapping[str, Tensor]) -> None:
    """Raise `InputError` where saved weights have other names or shapes than the trained parameters."""
    given, wanted = ({name: tuple(one.shape) for name, one in each.items()} for each in (saved, trained))
    wrong = sorted(name for name in given | wanted if given.get(name) != wanted.get(name))
    if wrong:
        raise InputError(
            f"the checkpoint is not this model's: {len(wrong)} of {len(given | wanted)} weights differ, the first"
            f" {wrong[0]}: {given.get(wrong[0], 'absent')} instead of {wanted.get(wrong[0], 'absent')};"
            " give the base and LoRA settings it was trained with"
        )
