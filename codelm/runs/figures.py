"""What an evaluation found, as one dictionary of plain types, and the files it is written to."""

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from codelm.callbacks.behavior import BehavioralEvaluation, base_and_saved
from codelm.clock import now
from codelm.evaluation.evaluate import Examination
from codelm.files import new_file, new_folder, write_text
from codelm.report.page import page
from codelm.runs.manifest import to_json
from codelm.runs.trainer import companion

log = logging.getLogger(__name__)

REPORT = "report.html"
FOLDER = "evaluation"


def dot(each: Mapping[str, Any], base: Mapping[str, Any], *, chosen: bool) -> dict[str, Any]:
    """Return an epoch as the report shows it."""
    losses = each["loss"]
    known = losses["base"] and losses["tuned"] is not None
    return {
        "epoch": each["epoch"],
        "step": each["step"],
        "repository_change_percent": 100 * (losses["tuned"] / losses["base"] - 1) if known else None,
        "general_change_percent": 100 * (each["bits"] / base["bits"] - 1),
        "chosen": chosen,
    }


def about_run(folder: Path, pl_module: Any, data: Any, dots: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the figures are of."""
    repositories = data.store.facts["scrape"]["repositories"]
    return {
        "name": folder.parent.name,
        "version": folder.name,
        "base": str(pl_module.base),
        "repositories": [each["name"] for each in repositories],
        "part": "test",
        "cuts": [each["split"]["cut"] for each in repositories],
        "test_cuts": [each["split"]["second_cut"] for each in repositories],
        "best_epoch": next((each["epoch"] for each in dots if each["chosen"]), None),
        "written": now(),
    }


def figures(
    found: Examination, about: dict[str, Any], dots: list[dict[str, Any]], shown: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the one dictionary that the report, the manifest and TensorBoard are made from."""
    head = {"codelm_evaluation": 1, "run": about, "notes": found.notes}
    return head | found.figures | {"epochs": dots, "prompts": shown}


def heard(trainer: Trainer) -> list[dict[str, Any]]:
    """Return the records of behavioural evaluation."""
    behavior = companion(trainer, BehavioralEvaluation)
    return behavior.records if behavior else []


def prompts(records: Sequence[Mapping[str, Any]], step: int) -> list[dict[str, Any]]:
    """Return the prompts of behavioural evaluation with the completions of the base and of a step: illustrations."""
    found = base_and_saved(records, step)
    if found is None:
        return []
    epoch = found[1]["epoch"]
    return [
        {"prompt": base["prompt"], "base": base["text"], "tuned": tuned["text"], "epoch": epoch}
        for base, tuned in zip(found[0]["completions"], found[1]["completions"], strict=True)
    ]


def write(folder: Path, figures: dict[str, Any], holes: list[dict[str, Any]]) -> None:
    """Put report, figures and holes into a run's folder, the first once the last is made; keep those of before."""
    with new_file(folder / REPORT) as report, new_folder(folder / FOLDER) as unfinished:
        report.write_text(page(figures), encoding="utf-8")
        write_text(unfinished / "figures.json", to_json(figures))
        rows = "".join(json.dumps(row) + "\n" for row in holes)
        write_text(unfinished / "holes.jsonl", rows)
        kept = set_aside(folder)
    if kept is not None:
        log.info("the report that was there before is kept: %s", kept / REPORT)


def set_aside(folder: Path) -> Path | None:
    """Give the report in a run's folder, and what belongs to it, a folder of the next free number; None if none is."""
    earlier, report = folder / FOLDER, folder / REPORT
    if not (earlier.exists() or report.exists()):
        return None
    kept = next(path for number in count(1) if not (path := folder / f"{FOLDER}-{number}").exists())
    if earlier.exists():
        earlier.replace(kept)
    else:
        kept.mkdir()
    if report.exists():
        report.replace(kept / REPORT)
    return kept
