"""Numbers that are not finite: never saved, told with the commits they came from, and the run ends with a status."""

import json
import math
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from multiprocessing.context import ForkServerContext
from pathlib import Path

import torch
from safetensors.torch import load_file

from codelm.runs.checkpoints import load
from experiments.torture.poison import Float16, Place, Poison
from experiments.torture.rows import Budget, Row, tally, until_bad
from experiments.torture.runs import Ended, processes, run_in_process, write_config
from experiments.torture.subjects import write_base, write_repository

__all__ = ["rows"]

_STEPS = {"first": 0, "middle": 4, "last": 5}
"""Optimizer steps of the training: three in each of two epochs. Behind the middle one nothing is measured,
so that ``last.ckpt`` is written with whatever the weights are."""
_VALUES = (math.nan, math.inf, -math.inf)
_WANTED: dict[tuple[Place, bool], tuple[int, str]] = {
    ("loss", False): (0, "left out step"),
    ("gradient", False): (0, "left out step"),
    ("loss", True): (1, "gave up at step"),
    ("gradient", True): (1, "gave up at step"),
    ("weights", False): (1, "not finite|val/loss is"),  # the latter behind the last step of an epoch
    ("validation", False): (1, "val/loss is"),
}
"""Exit status, and a pattern of the sentence."""
_WHAT: dict[tuple[Place, bool], str] = {
    ("loss", False): "the loss of one step: left out with its commits named, the run ends well",
    ("gradient", False): "the gradient of one step: left out with its commits named, the run ends well",
    ("loss", True): "the loss of all steps from one on: status 1 after three, commits named",
    ("gradient", True): "the gradient of all steps from one on: status 1 after three, commits named",
    ("weights", False): "the weights behind a step: status 1",
    ("validation", False): "the loss of a validation: status 1",
}
_GUARDS: dict[Place, str] = {
    "loss": "the check of each step",
    "gradient": "the check of each step",
    "weights": "the check of saved weights",
    "validation": "the check of a validation",
}


def rows(budget: Budget) -> Iterator[Row]:
    """Yield a row for each place, and that of a float16 scaler."""
    folder = budget.folder("numbers")
    base, repository = write_base(folder / "base"), write_repository(folder / "numbers")
    write_config(folder, base, repository, folder / "cache")
    context = processes()
    kinds = list(_WHAT.items())
    for (place, lasting), what in kinds[2:5] if budget.is_short else kinds:
        poisons = _poisons(place, budget, lasting=lasting)
        tried, held, failures = tally(_outcome(context, folder, each, "") for each in poisons)
        without = tally(until_bad(_outcome(context, folder, each, _GUARDS[place]) for each in _unguarded(poisons)))
        what = f"NaN and infinity in {what}; nothing that is not finite is saved"
        yield Row("numbers", what, tried, held, "", _GUARDS[place], without[0], without[1], failures)
    if not budget.is_short:
        yield _float16(context, folder, budget)


def _poisons(place: Place, budget: Budget, *, lasting: bool) -> list[Poison]:
    """Return what is put there: each value at each step, or some of them."""
    steps = (0, 1) if place == "validation" else (0, 1, 2) if lasting else tuple(_STEPS.values())
    all_of_them = [Poison(place, value, step, lasting) for step, value in product(steps, _VALUES)]
    draw = budget.random(f"{place} {lasting}")
    return draw.sample(all_of_them, budget.count(len(all_of_them)))


def _unguarded(poisons: Sequence[Poison]) -> list[Poison]:
    """Return what is tried without the guard: weights where no validation follows, whose own check would find them."""
    return [replace(each, step=_STEPS["middle"]) if each.place == "weights" else each for each in poisons]


def _outcome(context: ForkServerContext, folder: Path, poison: Poison, guard: str) -> str:
    """Train with a number put in, and return what went wrong, if anything."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    arguments = ["fit", "--config", "config.yaml", "--name", "run"]
    ended = run_in_process(context, folder, arguments, poison, guard)
    wrong = _complaints(ended, *_WANTED[poison.place, poison.lasting])
    if poison.place in ("loss", "gradient") and "of the commits" not in ended.said:
        wrong.append("no commits named")
    run = folder / "runs/run/version_0"
    wrong += [f"{path.name} is not finite" for path in run.rglob("*") if not _is_finite(path)]
    if ended.status == 1 and (run / "MANIFEST.json").exists():
        status = json.loads((run / "MANIFEST.json").read_text())["status"]
        wrong += [] if status == "failed" else [f"the manifest says {status}"]
    return f"{poison}: {', '.join(wrong)}" if wrong else ""


def _complaints(ended: Ended, status: int, sentence: str) -> list[str]:
    """Return what is wrong with the status and the words of a command that has ended."""
    wrong = [] if ended.status == status else [f"status {ended.status}: {' '.join(ended.said.split())[-300:]}"]
    wrong += [] if re.search(sentence, ended.said) else [f"it does not say {sentence!r}"]
    wrong += ["a traceback"] if ended.has_traceback else []
    return wrong + (["not one line of error"] if len(ended.errors) != min(1, status) else [])


def _is_finite(path: Path) -> bool:
    """Return whether the weights in a file, if it has some, are finite."""
    if path.suffix == ".ckpt":
        weights = load(path)["state_dict"]
    elif path.suffix == ".safetensors":
        weights = load_file(path)
    else:
        return True
    return all(bool(torch.isfinite(each).all()) for each in weights.values())


def _float16(context: ForkServerContext, folder: Path, budget: Budget) -> Row:
    """Return the row of gradients that overflow in float16."""
    scales = [2.0**power for power in range(28, 28 + budget.count(12, least=2))]
    tried, held, failures = tally(_overflow(context, folder, scale, "") for scale in scales)
    guard = "the allowance for a scale that can fall"
    without = tally(until_bad(_overflow(context, folder, scale, guard) for scale in scales))
    what = "scales at which gradients overflow in float16: steps left out while the scale falls, the run ends well"
    remark = "Lightning's float16 with torch's scaler on the CPU, where it offers none of itself"
    return Row("numbers", what, tried, held, remark, guard, without[0], without[1], failures)


def _overflow(context: ForkServerContext, folder: Path, scale: float, guard: str) -> str:
    """Train in float16 from a scale on at which gradients overflow, and return what went wrong, if anything."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    arguments = ["fit", "--config", "config.yaml", "--name", "run", "--trainer.max_epochs=6"]
    ended = run_in_process(context, folder, arguments, Float16(scale), guard)
    wrong = _complaints(ended, 0, "")
    run = folder / "runs/run/version_0"
    wrong += [f"{path.name} is not finite" for path in run.rglob("*") if not _is_finite(path)]
    if not wrong and not json.loads((run / "MANIFEST.json").read_text())["model"]["skipped_steps"]:
        wrong.append("nothing has overflowed")
    return f"scale {scale}: {', '.join(wrong)}" if wrong else ""
