"""The run that a tested checkpoint belongs to: whether it can be reported on, and what is known of its training."""

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codelm.errors import CodelmError, InputError
from codelm.history.provenance import Provenance, describe, provenance
from codelm.runs.figures import FOLDER, prompt_pairs
from codelm.runs.manifest_content import MANIFEST_FILE
from codelm.saved_run import SavedRun

__all__ = ["earlier_epochs", "earlier_prompts", "fingerprint", "no_epochs", "report_folder"]

log = logging.getLogger(__name__)

_SCALE = ("alpha", "rslora", "dora", "inference_scale")
"""The settings of an adapter that decide what its weights are worth; a checkpoint has the others in their shapes."""


def report_folder(checkpoint: Path, data: Any, drawn: Callable[[int], Sequence[int]], lora: Any = None) -> Path | None:
    """Return the folder of the run that a checkpoint belongs to; None, with a warning, where a report would be wrong.

    Args:
        checkpoint: The file of the checkpoint.
        data: The datamodule of the test.
        drawn: Returns the samples that the settings of the test would have learned by an optimizer step.
        lora: The settings of the test's adapter; None where it has none.

    Raises:
        InputError: The folder cannot be written to.
    """
    folder = checkpoint.parent.parent
    reason = _no_report(folder, data.store.facts, drawn, lora)
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


def _no_report(folder: Path, facts: Mapping[str, Any], drawn: Callable[[int], Sequence[int]], lora: Any) -> str | None:
    """Return why a run's folder gets no report on data and adapter of the test, by their facts; None if it does."""
    given = provenance(facts["scrape"])
    try:
        manifest = _own_manifest(folder)
        learned = provenance(manifest["phase_results"]["phase_1_scrape"])
    except CodelmError as error:
        return str(error)
    except (LookupError, TypeError):
        return f"{folder / MANIFEST_FILE} does not say what the checkpoint has learned from"
    if learned != given:
        mended = _remedy(folder, learned, given)
        return f"the run learned from {describe(learned)}, this is {describe(given)}; for a report {mended}"
    learned_format, format_ = (_format_name(phases) for phases in (manifest["phase_results"], facts))
    if learned_format not in (format_, "unknown"):
        return f"the run learned samples in format {learned_format}, these are in {format_}; give {_config_of(folder)}"
    other = _other_scale(manifest, lora) or _other_draw(manifest, drawn)
    return other and f"{other}; give {_config_of(folder)}"


def _own_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run.

    Raises:
        CodelmError: There is none, it is damaged, or it tells of another adapter than lies beside it.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise InputError(f"there is no {path}, which would say what the checkpoint has learned from")
    run = SavedRun(folder)
    run.refuse_other_adapter()
    return run.manifest


def _format_name(phases: Any) -> str:
    """Return the name of the format of samples by a manifest's phases or a store's facts; "unknown" where none is."""
    try:
        told = phases.get("phase_2_tokenize") or phases["tokenize"]
        return str(told["format"]["name"])
    except (LookupError, TypeError, AttributeError):
        return "unknown"


def _read_json(path: Path) -> Any:
    """Return the content of a JSON file; None where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None


def _remedy(folder: Path, learned: Provenance, given: Provenance) -> str:
    """Return what restores the data that a run learned from. Names count: they stand in every prompt it learned."""
    if [cut for _, cut in learned] != [cut for _, cut in given]:
        return f"give {_config_of(folder)}"
    names = [name for (name, _), (other, _) in zip(learned, given, strict=True) if name != other]
    return f"rename the folder{'s' if len(names) > 1 else ''} back to {', '.join(names)}"


def _other_scale(manifest: Any, lora: Any) -> str | None:
    """Return by which setting the test's adapter counts for more or less than the run's; None where by none."""
    try:
        recorded = dict(manifest["model"]["lora"])
    except (LookupError, TypeError, ValueError):
        return None
    both = ((name, recorded[name], getattr(lora, name)) for name in _SCALE if name in recorded and hasattr(lora, name))
    found = (f"the run has model.lora.{name} {its}, this is {given}" for name, its, given in both if its != given)
    return next(found, None)


def _other_draw(manifest: Any, drawn: Callable[[int], Sequence[int]]) -> str | None:
    """Return that the test's settings draw other samples than the manifest records; None where it records none."""
    try:
        recorded = manifest["evaluation"]["run"]["learned"]
        is_other = fingerprint(recorded["step"], drawn(recorded["step"])) != recorded
        return "the run learned other samples than these settings draw" if is_other else None
    except (ValueError, LookupError, TypeError):
        return None


def fingerprint(step: int, samples: Sequence[int]) -> dict[str, Any]:
    """Return what identifies the samples learned up to an optimizer step: the step, their number, their SHA-256."""
    named = ",".join(map(str, samples))
    return {"step": step, "samples": len(samples), "sha256": hashlib.sha256(named.encode()).hexdigest()}


def _config_of(folder: Path) -> str:
    """Return the argument that repeats a run's settings."""
    return f"--config {folder / 'config.yaml'}"


def earlier_epochs(folder: Path) -> list[dict[str, Any]]:
    """Return the epochs that the run's own evaluation left in its figures; none where they are gone or damaged."""
    try:
        found = _read_json(folder / FOLDER / "figures.json")["epochs"]
        return found if all(map(_is_epoch, found)) else []
    except (LookupError, TypeError):
        return []


def earlier_prompts(folder: Path, step: int) -> list[dict[str, Any]]:
    """Return the completions of base and of a step's weights from training, by the manifest."""
    try:
        return prompt_pairs(SavedRun(folder).manifest["behavior"]["evaluations"], step)
    except (CodelmError, LookupError, TypeError):
        return []


def _is_epoch(found: Any) -> bool:
    """Return whether a value read from a file is an epoch as the report shows it."""
    try:
        counts = all(type(found[name]) is int for name in ("epoch", "step"))
        of_repository, of_general = found["repository_change_percent"], found["general_change_percent"]
        return counts and math.isfinite(of_general) and (of_repository is None or math.isfinite(of_repository))
    except (LookupError, TypeError, OverflowError):
        return False


def no_epochs(folder: Path) -> str:
    """Return why nothing is known of the single epochs of a run."""
    if (folder / FOLDER / "figures.json").exists():
        why = f"{FOLDER}/figures.json of the run holds none that can be read, and the checkpoint none at all"
    else:
        why = "general code was not read while training went on; see evaluation.every_n_epochs"
    return f"what each epoch gained and lost is not known: {why}"
