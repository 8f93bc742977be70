"""The content of ``MANIFEST.json``, as pure functions from what a run has measured to JSON."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from codelm.runs.record import Validation

__all__ = ["MANIFEST_FILE", "hashes", "perplexity", "phase_results", "plain", "to_json", "training_phase"]

_DATA_PHASES = {"phase_0_analysis": "analysis", "phase_1_scrape": "scrape", "phase_2_tokenize": "tokenize"}
"""The phases that the datamodule's facts describe, and their names there."""

MANIFEST_FILE = "MANIFEST.json"


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
    """Return the training phase.

    Args:
        history: All validations.
        saved: The validation of the weights that were saved.
        train_loss: Mean loss over the steps since the last validation; before the first one the final training loss.
        base_loss: Validation loss of the base model.
        seconds: Training time.
        stopped_early: Whether early stopping ended the training.
    """
    stats = _training_stats(saved, base_loss=base_loss, minutes=seconds / 60, stopped_early=stopped_early)
    if not history:
        stats["final_train_loss"] = train_loss
    validations = [asdict(each) | {"perplexity": perplexity(each.val_loss)} for each in history]
    return {"seconds": seconds, "training_stats": stats, "history": validations}


def _training_stats(
    saved: Validation | None, *, base_loss: float | None, minutes: float, stopped_early: bool
) -> dict[str, Any]:
    """Return the numbers people look for; ``final_...`` are those of the weights that were saved.

    >>> stats = _training_stats(Validation(2, 20, 1.5, 0.0, 60.0), base_loss=None, minutes=1.0, stopped_early=False)
    >>> stats["final_train_loss"], stats["final_val_loss"], stats["final_perplexity"], stats["best_epoch"]
    (1.5, 0.0, 1.0, 2)
    """
    val_loss = saved.val_loss if saved else None
    return {
        "final_train_loss": saved.train_loss if saved else None,
        "final_val_loss": val_loss,
        "final_perplexity": perplexity(val_loss),
        "training_time_minutes": minutes,
        "base_val_loss": base_loss,
        "base_perplexity": perplexity(base_loss),
        "best_epoch": saved.epoch if saved else None,
        "best_step": saved.step if saved else None,
        "stopped_early": stopped_early,
    }


def perplexity(loss: float | None) -> float | None:
    """Return the exponential of a loss in nats; None where there is none or it is beyond all numbers.

    >>> perplexity(0.0), perplexity(None), perplexity(1e9)
    (1.0, None, None)
    """
    if loss is None or not loss < math.log(1.7e308):
        return None
    return math.exp(loss)


def hashes(folder: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by its name there; nothing where there is no folder."""
    if folder is None or not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_json(content: Mapping[str, Any]) -> str:
    """Return the content as JSON that every parser takes: no NaN, no Infinity, whatever is in it.

    >>> to_json({"loss": float("nan"), "folder": Path("runs"), "shape": (1, 2)}).split()
    ['{', '"loss":', 'null,', '"folder":', '"runs",', '"shape":', '[', '1,', '2', ']', '}']
    """
    return (
        json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False).encode(errors="replace").decode()
        + "\n"
    )


def plain(value: Any) -> Any:
    """Return the value in JSON's types; numbers that are none become None, and what JSON does not know its text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return _scalar(value)


def _scalar(value: Any) -> str | float | bool | None:
    """Return a single value in JSON's types; numpy's and torch's numbers have an ``item``."""
    number = value.item() if callable(getattr(value, "item", None)) else value
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number if isinstance(number, str | int | float | None) else str(number)
