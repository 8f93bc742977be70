"""What the report shows of a training, and the files that hold the figures of an evaluation."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from codelm.files import new_file, new_folder, write_text
from codelm.report.page import page
from codelm.runs.manifest_content import to_json

__all__ = ["FOLDER", "REPORT", "base_and_saved", "epoch_figures", "prompt_pairs", "write_report"]

log = logging.getLogger(__name__)

REPORT = "report.html"
FOLDER = "evaluation"
_FIGURES, _TASKS = "figures.json", "holes.jsonl"


def epoch_figures(epochs: Sequence[Mapping[str, Any]], step: int) -> list[dict[str, Any]]:
    """Return the epochs after which general code was measured, as the report shows them.

    ``epochs`` are those of `RunRecord.forgetting`; that of ``step``, whose weights are evaluated, is marked as chosen.
    """
    return [_epoch(each, epochs[0], chosen=0 < step == each["step"]) for each in epochs]


def _epoch(each: Mapping[str, Any], base: Mapping[str, Any], *, chosen: bool) -> dict[str, Any]:
    losses = each["loss"]
    known = losses["base"] and losses["tuned"] is not None
    return {
        "epoch": each["epoch"],
        "step": each["step"],
        "repository_change_percent": 100 * (losses["tuned"] / losses["base"] - 1) if known else None,
        "general_change_percent": 100 * (each["bits"] / base["bits"] - 1),
        "chosen": chosen,
    }


def base_and_saved(
    records: Sequence[Mapping[str, Any]], step: int | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the base's record of behavioural evaluation and that of the weights of a step; None without the two.

    The checkpoint of an epoch is written before its record is: a resumed run may have the first without the second.
    """
    base = next((record for record in records if record["epoch"] == 0), None)
    tuned = next((record for record in records if record["epoch"] > 0 and record.get("step") == step), None)
    return None if base is None or tuned is None or step is None else (base, tuned)


def prompt_pairs(records: Sequence[Mapping[str, Any]], step: int) -> list[dict[str, Any]]:
    """Return the prompts of behavioural evaluation, each with the completions of the base and of a step's weights."""
    found = base_and_saved(records, step)
    if found is None:
        return []
    epoch = found[1]["epoch"]
    return [
        {"prompt": base["prompt"], "base": base["text"], "tuned": tuned["text"], "epoch": epoch}
        for base, tuned in zip(found[0]["completions"], found[1]["completions"], strict=True)
    ]


def write_report(folder: Path, figures: dict[str, Any], holes: list[dict[str, Any]]) -> None:
    """Write report, figures and infill tasks to a run's folder; an earlier report is kept under another name.

    Not one that says the same: a run that is stopped when its evaluation is written makes it anew when it goes on.
    """
    with new_file(folder / REPORT) as report, new_folder(folder / FOLDER) as unfinished:
        report.write_text(page(figures), encoding="utf-8")
        write_text(unfinished / _FIGURES, to_json(figures))
        rows = "".join(json.dumps(row) + "\n" for row in holes)
        write_text(unfinished / _TASKS, rows)
        kept = None if _says_the_same(folder / FOLDER, unfinished) else _keep_earlier(folder)
    if kept is not None:
        log.info("the report that was there before is kept: %s", kept / REPORT)


def _says_the_same(earlier: Path, new: Path) -> bool:
    """Return whether two folders of an evaluation hold the same, but for when it was made and how long it took."""
    try:
        return _timeless(earlier) == _timeless(new)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # the earlier one is damaged or incomplete
        return False


def _timeless(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return the figures in a folder of an evaluation, without what the clock has made of them, and its tasks."""
    figures = json.loads((folder / _FIGURES).read_text("utf-8"))
    run = {name: value for name, value in figures["run"].items() if name not in ("seconds", "written")}
    return figures | {"run": run}, (folder / _TASKS).read_bytes()


def _keep_earlier(folder: Path) -> Path | None:
    """Copy the report in a run's folder, and what belongs to it, to a folder of the next free number; None if none is.

    A copy, so that one of the two reports stands in its place whenever the process is killed.
    """
    earlier, report = folder / FOLDER, folder / REPORT
    if not (earlier.exists() or report.exists()):
        return None
    kept = next(path for number in count(1) if not (path := folder / f"{FOLDER}-{number}").exists())
    with new_folder(kept) as copy:
        if earlier.exists():
            shutil.copytree(earlier, copy, dirs_exist_ok=True)
        if report.exists():
            shutil.copy2(report, copy / REPORT)
    return kept
