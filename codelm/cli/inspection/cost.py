"""The rows, the memory and the time that a run will take, as far as this machine can know them without torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from codelm.bases import public_name
from codelm.bases.traced_memory import traced_steps
from codelm.cli.quick_settings import QuickSettings
from codelm.devices import HOST_SHARE, Device, free_memory
from codelm.errors import CodelmError
from codelm.history.epochs.refresh import training_draw
from codelm.history.epochs.training_rows import training_difficulty, training_rows
from codelm.history.survey import Survey
from codelm.saved_run import SavedRun

__all__ = ["epoch_facts", "memory_facts", "time_facts"]

_GIB = 2**30
_LIGHTNING_S_EPOCHS = 1000
"""What it takes where neither epochs nor steps are given."""
_SAME = ("model.quantization", "model.gradient_checkpointing")
"""Settings that change the speed so much that a run with others says nothing."""

_TRACED = {
    "model.quantization": "nf4",
    "model.gradient_checkpointing": True,
    "model.lora.targets": ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"],
}
"""The settings with which the steps of `codelm.bases.traced_memory` were traced."""


def epoch_facts(survey: Survey, settings: QuickSettings) -> dict[str, Any]:
    """Return the rows, positions and optimizer steps of the epochs of a run.

    ``rows`` are those of each epoch up to the first that draws from all samples, which the later ones resemble; a
    ``limit_train_batches`` is taken into account.
    """
    data, others = settings.data, settings.others
    training, table = survey.training, survey.table.samples
    epochs = _max_epochs(others)
    if not len(training):
        return {"rows": [], "tokens": 0, "epochs": epochs, "total_rows": 0, "steps": 0}
    curriculum = data.curriculum_epochs if data.curriculum == "competence" else 0.0
    planned = math.ceil(curriculum) + 1 if epochs < 0 else max(1, min(math.ceil(curriculum) + 1, epochs))
    weights, draws = training_draw(table[training], survey.commits, survey.paths, data.importance, data.refresh)
    rows_of = partial(
        training_rows,
        *(training, table["length"], weights),
        *(training_difficulty(table[training]), data.sequence_length),
        draws=draws,
        seed=settings.seed,
        curriculum_epochs=curriculum,
    )
    packed = [rows_of(epoch=epoch) for epoch in range(planned)]
    batch = 1 if data.batch_size == "auto" else data.batch_size
    rows = [_limited(len(each), batch, others["trainer.limit_train_batches"]) for each in packed]
    total = sum(rows[: max(0, epochs)]) + rows[-1] * max(0, epochs - len(rows))
    per_step = batch * int(others["trainer.accumulate_grad_batches"])
    steps = sum(-(-each // per_step) for each in rows[: max(0, epochs)])
    steps += -(-rows[-1] // per_step) * max(0, epochs - len(rows))
    most = others["trainer.max_steps"]
    if isinstance(most, int) and 0 <= most < (steps if epochs > 0 else math.inf):
        total, steps = most * per_step, most
    tokens = sum(int(table["length"][list(row)].sum()) for row in packed[-1]) * rows[-1] // max(1, len(packed[-1]))
    return {"rows": rows, "tokens": tokens, "epochs": epochs, "total_rows": total, "steps": steps}


def _max_epochs(settings: dict[str, Any]) -> int:
    """Return the epochs after which Lightning ends a run; -1 where they do not end it."""
    epochs = settings["trainer.max_epochs"]
    if epochs is None:
        return _LIGHTNING_S_EPOCHS if settings["trainer.max_steps"] == -1 else -1
    return int(epochs)


def _limited(rows: int, batch: int, limit: Any) -> int:
    """Return how many rows of an epoch Lightning takes, by a number or a share of its batches."""
    if isinstance(limit, int) and not isinstance(limit, bool):
        return min(rows, limit * batch)
    return min(rows, int(limit * -(-rows // batch)) * batch) if isinstance(limit, float) else rows


def memory_facts(settings: QuickSettings, device: Device, runs: Iterable[SavedRun]) -> dict[str, Any]:
    """Return the memory that a training step needs, from steps that were traced or a run that was measured.

    ``rows`` at a time are those that the settings give or, for "auto", the most that fit; without a ``source`` nothing
    is known.
    """
    data, others = settings.data, settings.others
    base = _base(settings)
    free = device.free / _GIB
    host = HOST_SHARE * free_memory() / _GIB
    known = {"device": device.name, "total_gib": device.total / _GIB, "free_gib": free}
    offloads = device.kind == "cuda" and others["model.activation_offloading"]
    steps = traced_steps(base, others["model.lora.r"], data.sequence_length, offloads=offloads)
    if steps and all(others[name] == value for name, value in _TRACED.items()):
        wanted = [step for step in steps if data.batch_size in ("auto", step.rows)]
        fitting = [step for step in wanted if step.with_margin <= free and step.host <= host]
        if wanted:
            step = (fitting or wanted[:1])[-1]
            return known | {"source": "traced", "fits": bool(fitting), **asdict(step)}
    for run in _alike(settings, device, runs):
        peaks = run.figure("hardware", "peaks") or {}
        peak = peaks.get("gpu_reserved_gib") if device.kind == "cuda" else peaks.get("ram_gib")
        if isinstance(peak, int | float):
            return known | {"source": run.label, "rows": run.settings.get("data.batch_size"), "peak_gib": peak}
    return known | {"source": None}


def time_facts(
    settings: QuickSettings, epochs: dict[str, Any], device: Device, runs: Iterable[SavedRun]
) -> dict[str, Any]:
    """Return the minutes of training, at the speed of the newest run with the same base on the same device.

    Its validations are part of that speed; the evaluation at the end comes on top, and has its own limit.
    """
    evaluation = float(settings.others["evaluation.minutes"]) if settings.others["evaluation.enabled"] else 0.0
    for run in _alike(settings, device, runs):
        if speed := _positions_per_second(run):
            seconds = epochs["total_rows"] * settings.data.sequence_length / speed
            found = {"source": run.label, "tokens_per_second": speed, "training_minutes": seconds / 60}
            return found | {"evaluation_minutes": evaluation}
    return {"source": None, "evaluation_minutes": evaluation}


def _base(settings: QuickSettings) -> str:
    return settings.others["model.base_name"] or public_name(settings.others["model.base"])


def _alike(settings: QuickSettings, device: Device, runs: Iterable[SavedRun]) -> Iterable[SavedRun]:
    """Yield the runs that trained the same base on the same device in one process."""
    for run in runs:
        try:
            given = run.settings
            alike = run.figure("model", "base") == _base(settings) and _device_of(run) == [device.name]
        except CodelmError:  # a run that is damaged says nothing, and is not what was asked for
            continue
        if alike and all(given.get(name) == settings.others[name] for name in _SAME):
            yield run


def _device_of(run: SavedRun) -> Sequence[Any]:
    """Return the names of the devices of a run."""
    gpus = run.figure("hardware", "gpus") or []
    if run.settings.get("trainer.accelerator") == "cpu" or not gpus:
        return [run.figure("hardware", "cpu")]
    return [gpu.get("name") for gpu in gpus if isinstance(gpu, dict)]


def _positions_per_second(run: SavedRun) -> float | None:
    """Return how many positions a run trained in a second; None where it says too little."""
    history = run.figure("phase_results", "phase_4_training", "history") or []
    names = ("data.batch_size", "trainer.accumulate_grad_batches", "data.sequence_length")
    sizes: list[Any] = [run.settings.get(name) for name in names]
    try:
        return float(history[-1]["step"] * math.prod(sizes) / history[-1]["seconds"])
    except (LookupError, TypeError, ZeroDivisionError):
        return None
