"""The run that a tested checkpoint is of: whether a report of it can be made, and what it left of its training."""

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from codelm.callbacks.manifest import FILE as MANIFEST
from codelm.errors import InputError
from codelm.history.provenance import Origin, origin, told
from codelm.runs.figures import FOLDER, prompts

log = logging.getLogger(__name__)


def report_folder(checkpoint: Path, data: Any, drawn: Callable[[int], Sequence[int]]) -> Path | None:
    """Return the folder of the run that a checkpoint is of; None, with a warning, where a report would tell untruths.

    Args:
        checkpoint: The file.
        data: The datamodule of the test.
        drawn: What the settings of the test would have learned by an optimizer step.

    Raises:
        InputError: The folder cannot be written to.
    """
    folder = checkpoint.parent.parent
    reason = no_report(folder, origin(data.store.facts["scrape"]), drawn)
    if reason is not None:
        log.warning("no report, the test loss alone: %s", reason)
        return None
    for path in (folder, folder / FOLDER):
        if path.exists() and not os.access(path, os.W_OK | os.X_OK):
            raise InputError(
                f"{path} cannot be written to, and the report would go there; allow it, or give "
                "--evaluation.enabled false for the test loss alone"
            )
    return folder


def no_report(folder: Path, given: Origin, drawn: Callable[[int], Sequence[int]]) -> str | None:
    """Return why a run's folder gets no report on what was given to the test; None if it does."""
    path = folder / MANIFEST
    if not path.is_file():
        return f"there is no {path}, which would say what the checkpoint has learned from"
    manifest = read(path)
    learned = learned_from(manifest)
    if learned is None:
        return f"{path} does not say what the checkpoint has learned from"
    if learned != given:
        mended = remedy(folder, learned, given)
        return f"the run learned from {told(learned)}, this is {told(given)}; for a report {mended}"
    if other_draw(manifest, drawn):
        return f"the run learned other samples than these settings draw; give {config_of(folder)}"
    return None


def read(path: Path) -> Any:
    """Return what a file of JSON holds; None where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def remedy(folder: Path, learned: Origin, given: Origin) -> str:
    """Return what brings back what a run learned from. A name counts: it stands in every prompt that the run learned.

    >>> remedy(Path("run"), [("fd", "a" * 40)], [("fd-old", "a" * 40)])
    'rename the folder back to fd'
    """
    if [cut for _, cut in learned] != [cut for _, cut in given]:
        return f"give {config_of(folder)}"
    names = [name for (name, _), (other, _) in zip(learned, given, strict=True) if name != other]
    return f"rename the folder{'s' if len(names) > 1 else ''} back to {', '.join(names)}"


def other_draw(manifest: Any, drawn: Callable[[int], Sequence[int]]) -> bool:
    """Return whether the test's settings draw other samples than the run learned by its manifest.

    A run that was never examined left no record of its draw, and is believed.
    """
    try:
        recorded = manifest["evaluation"]["run"]["learned"]
        return bool(draw(recorded["step"], drawn(recorded["step"])) != recorded)
    except (ValueError, LookupError, TypeError):
        return False


def draw(step: int, samples: Sequence[int]) -> dict[str, Any]:
    """Return what tells one draw from another: the optimizer step up to which it goes, its number, its SHA-256."""
    named = ",".join(map(str, samples))
    return {"step": step, "samples": len(samples), "sha256": hashlib.sha256(named.encode()).hexdigest()}


def config_of(folder: Path) -> str:
    """Return the argument that repeats a run's settings."""
    return f"--config {folder / 'config.yaml'}"


def learned_from(manifest: Any) -> Origin | None:
    """Return what a run's manifest says that it learned from; None where it does not."""
    try:
        return origin(manifest["phase_results"]["phase_1_scrape"])
    except (LookupError, TypeError):
        return None


def earlier_dots(folder: Path) -> list[dict[str, Any]]:
    """Return the dots that the run's own evaluation left in its figures; none where they are gone or damaged."""
    try:
        found = read(folder / FOLDER / "figures.json")["epochs"]
        return found if all(map(is_dot, found)) else []
    except (LookupError, TypeError):
        return []


def earlier_prompts(folder: Path, step: int) -> list[dict[str, Any]]:
    """Return what base and weights of a step completed in training, by the manifest: a checkpoint is written before."""
    try:
        return prompts(read(folder / MANIFEST)["behavior"]["evaluations"], step)
    except (LookupError, TypeError):
        return []


def is_dot(found: Any) -> bool:
    """Return whether something read from a file is an epoch as the report shows it."""
    try:
        counts = all(type(found[name]) is int for name in ("epoch", "step"))
        of_repository, of_general = found["repository_change_percent"], found["general_change_percent"]
        return counts and math.isfinite(of_general) and (of_repository is None or math.isfinite(of_repository))
    except (LookupError, TypeError):
        return False


def no_dots(folder: Path) -> str:
    """Return why nothing is known of the single epochs of a run that has no dots."""
    if (folder / FOLDER / "figures.json").exists():
        why = f"{FOLDER}/figures.json of the run holds none that can be read, and the checkpoint none at all"
    else:
        why = "general code was not read while training went on; see evaluation.every_n_epochs"
    return f"what each epoch gained and lost is not known: {why}"
