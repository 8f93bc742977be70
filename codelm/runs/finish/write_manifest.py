"""Writing of ``MANIFEST.json``, while a run goes on and when it ends."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lightning.pytorch import Trainer

from codelm.files import hashes, write_text
from codelm.report.outline import outline
from codelm.runs.checkpoints import saved_step
from codelm.runs.environment import hardware, peaks, versions
from codelm.runs.finish.step import FinishingStep
from codelm.runs.manifest_content import MANIFEST_FILE, phase_results, to_json, training_phase
from codelm.runs.record import RunRecord
from codelm.runs.trainer import run_folder, writes_files
from codelm.saved_run import sealed

__all__ = ["WriteManifest", "write_manifest"]

log = logging.getLogger(__name__)

_MODEL_FACTS = (
    "revision",
    "base_identity",
    "quantization",
    "double_quantization",
    "attention",
    "keeps_samples_apart",
    "lora",
    "coverage",
    "skipped_steps",
)
"""The attributes of the model that the manifest holds, where it has them."""


class WriteManifest(FinishingStep):
    """Writes how a run ended to its manifest.

    Args:
        required: Whether a manifest that cannot be written is an error of the run, and not only a warning.
    """

    def __init__(self, required: bool = True) -> None:
        self.required = required

    def finish(self, trainer: Trainer, pl_module: Any) -> None:
        """Write the manifest.

        Raises:
            OSError: It cannot be written, and is required.
        """
        write_manifest(self.record, trainer, pl_module, required=self.required)

    def abort(self, trainer: Trainer, pl_module: Any, error: BaseException) -> None:
        """Write the manifest, if the run had begun."""
        if self.record.started:
            write_manifest(self.record, trainer, pl_module)


def write_manifest(record: RunRecord, trainer: Trainer, pl_module: Any, *, required: bool = False) -> None:
    """Write the manifest of this moment; the file is replaced in one step.

    Args:
        record: What the run has measured so far.
        trainer: Its trainer, which knows the folder.
        pl_module: The model that is trained.
        required: Whether the run must not go on without it.

    Raises:
        OSError: It cannot be written, and is required; else that is logged. The one before still stands.
    """
    if not writes_files(trainer):
        return
    file = run_folder(trainer) / MANIFEST_FILE
    try:
        content = _manifest(record, trainer, pl_module)
        write_text(file, to_json(sealed(json.loads(to_json(content)))))
    except OSError as error:
        if required:
            raise
        log.warning("%s was not written: %s", file, error)
    else:
        record.manifest = content


def _manifest(record: RunRecord, trainer: Trainer, pl_module: Any) -> dict[str, Any]:
    """Return the manifest of this moment."""
    evaluation = outline(record.figures) if record.figures else None
    if record.evaluation_failure is not None:
        evaluation = {"unfinished": record.evaluation_failure}
    return {
        "codelm_manifest": 2,
        "status": record.status,
        "reason": record.reason,
        "started": record.started,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "phase_results": phase_results(record.facts, _training(record, trainer)),
        "model": {
            "base": getattr(pl_module, "base_name", None),
            **{name: getattr(pl_module, name, None) for name in _MODEL_FACTS},
            "base_dropout": getattr(pl_module, "used_base_dropout", None),
        },
        "evaluation": evaluation,
        "behavior": record.behavior,
        "hardware": hardware() | {"peaks": peaks(), "precision": trainer.precision},
        "versions": versions() | _version_of_git(record.facts),
        "adapter": {"weights": record.weights, "sha256": hashes(record.adapter)},
        "refreshed_from": record.refreshed_from,
        "refresh": record.refresh,
    }


def _version_of_git(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the version of the git that read the history, which may have come from the cache; none without one."""
    scraped = facts.get("scrape", {})
    return {"git": scraped["git"]} if "git" in scraped else {}


def _training(record: RunRecord, trainer: Trainer) -> dict[str, Any]:
    stopper = trainer.early_stopping_callback
    phase = training_phase(
        record.history,
        record.at_step(saved_step(record, trainer)),
        train_loss=record.train_loss.mean,
        base_loss=record.base_loss,
        seconds=record.seconds,
        stopped_early=stopper is not None and stopper.stopping_reason_message is not None,
    )
    return phase | {"held_out": record.held_out}
