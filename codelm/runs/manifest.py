"""What the manifest says, as pure functions from what a run knows to plain types."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

DATA_PHASES = {"phase_0_analysis": "analysis", "phase_1_scrape": "scrape", "phase_2_tokenize": "tokenize"}
"""The phases that the datamodule's facts tell of, and their names there."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One validation and the training before it.

    Attributes:
        epoch: passes over the training data, counted from 1.
        step: optimizer steps taken.
        train_loss: mean loss of training since the validation before, in nats.
        val_loss: mean loss on the held-out rows, in nats.
        seconds: training time so far.
    """

    epoch: int
    step: int
    train_loss: float | None
    val_loss: float | None
    seconds: float


def phase_results(facts: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    """Return the five phases, each with its ``seconds``; one that the datamodule tells nothing of is "unknown"."""
    data = {phase: facts.get(name, {"status": "unknown", "seconds": None}) for phase, name in DATA_PHASES.items()}
    embeddings = {"status": "skipped", "seconds": 0.0}
    return data | {"phase_3_embeddings": embeddings, "phase_4_training": dict(training)}


def training_phase(
    history: Sequence[Moment],
    saved: Moment | None,
    *,
    train_loss: float | None = None,
    base_loss: float | None,
    seconds: float,
    stopped_early: bool,
) -> dict[str, Any]:
    """Return what training came to; ``saved`` is the moment of the weights that were saved.

    Before the first validation the final training loss is ``train_loss``, the mean over the steps taken.
    """
    stats = training_stats(saved, base_loss=base_loss, minutes=seconds / 60, stopped_early=stopped_early)
    if not history:
        stats["final_train_loss"] = train_loss
    moments = [asdict(moment) | {"perplexity": perplexity(moment.val_loss)} for moment in history]
    return {"seconds": seconds, "training_stats": stats, "history": moments}


def training_stats(
    saved: Moment | None, *, base_loss: float | None, minutes: float, stopped_early: bool
) -> dict[str, Any]:
    """Return the numbers people look for; ``final_...`` are those of the weights that were saved.

    >>> stats = training_stats(Moment(2, 20, 1.5, 0.0, 60.0), base_loss=None, minutes=1.0, stopped_early=False)
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


def saved_moment(history: Sequence[Moment], step: int | None) -> Moment | None:
    """Return the moment of the weights saved at ``step``; None where there was no validation at that very step."""
    return next((moment for moment in reversed(history) if moment.step == step), None)


def hashes(folder: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by its name there; nothing where there is no folder."""
    if folder is None or not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
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
    return scalar(value)


def scalar(value: Any) -> str | float | bool | None:
    """Return a single value in JSON's types; numpy's and torch's numbers have an ``item``."""
    number = value.item() if callable(getattr(value, "item", None)) else value
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number if isinstance(number, str | int | float | None) else str(number)
