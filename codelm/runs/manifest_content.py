"""The content of ``MANIFEST.json``, as pure functions from what a run has measured to JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from codelm.runs.record import Validation

__all__ = ["MANIFEST_FILE", "phase_results", "to_json", "training_phase"]

_DATA_PHASES = {"phase_0_analysis": "analysis", "phase_1_scrape": "scrape", "phase_2_tokenize": "tokenize"}
"""The phases that the datamodule's facts describe, and their names there."""

MANIFEST_FILE = "MANIFEST.json"
_LOSSES_ARE_OF = {
    "final_train_loss": "training rows since the validation before, while the weights changed; context counts, too",
    "final_val_loss": "lines that the validation commits added, by the weights of that step",
}


def phase_results(facts: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    """Return the five phases, each with its ``seconds``; one that the datamodule knows nothing of is "unknown"."""
    data = {phase: facts.get(name, {"status": "unknown", "seconds": None}) for phase, name in _DATA_PHASES.items()}
    embeddings = {"status": "skipped", "seconds": 0.0}
    return data | {"phase_3_embeddings": embeddings, "phase_4_training": dict(training)}


def training_phase(
    history: Sequence[Validation],
    saved: Validation | None,
    *,
    train_loss: float | None,
    base_loss: float | None,
    seconds: float,
    stopped_early: bool,
) -> dict[str, Any]:
    """Return the training phase; its ``final_...`` numbers are those of the weights that were saved.

    Args:
        history: All validations.
        saved: The validation of the weights that were saved.
        train_loss: Mean loss over the steps since the last validation; before the first one the final training loss.
        base_loss: Validation loss of the base model.
        seconds: Training time.
        stopped_early: Whether early stopping ended the training.
    """
    val_loss = saved.val_loss if saved else None
    stats = {
        "final_train_loss": saved.train_loss if saved else None if history else train_loss,
        "final_val_loss": val_loss,
        "final_perplexity": _perplexity(val_loss),
        "training_time_minutes": seconds / 60,
        "base_val_loss": base_loss,
        "base_perplexity": _perplexity(base_loss),
        "best_epoch": saved.epoch if saved else None,
        "best_step": saved.step if saved else None,
        "stopped_early": stopped_early,
        "losses_are_of": _LOSSES_ARE_OF,
    }
    validations = [asdict(each) | {"perplexity": _perplexity(each.val_loss)} for each in history]
    return {"seconds": seconds, "training_stats": stats, "history": validations}


def _perplexity(loss: float | None) -> float | None:
    """Return the exponential of a loss in nats; None where there is none or it is beyond all numbers."""
    if loss is None or not loss < math.log(1.7e308):
        return None
    return math.exp(loss)


def to_json(content: Mapping[str, Any]) -> str:
    """Return the content as JSON that every parser takes: no NaN, no Infinity, no lone surrogates.

    Numbers that are none become null, and what JSON does not know its text. Characters without a glyph, which could act
    on the terminal that shows a file, are written by their numbers.
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    lines = text.encode(errors="replace").decode().split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_shown, line)) for line in lines) + "\n"


def _shown(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def _plain(value: Any) -> Any:
    """Return the value in JSON's types."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return _scalar(value)


def _scalar(value: Any) -> str | float | bool | None:
    """Return a single value in JSON's types; numpy's and torch's numbers have an ``item``."""
    number = value.item() if callable(getattr(value, "item", None)) else value
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number if isinstance(number, str | int | float | None) else str(number)
