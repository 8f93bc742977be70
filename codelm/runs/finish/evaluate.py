"""Evaluation of the saved weights when a training ends."""

import logging
from typing import Any

from lightning.pytorch import Trainer

from codelm.evaluation.settings import EvaluationSettings
from codelm.report.refresh import refresh_texts
from codelm.runs.checkpoints import best_checkpoint
from codelm.runs.evaluation import evaluate_weights, has_history
from codelm.runs.figures import epoch_figures, prompt_pairs
from codelm.runs.finish.step import FinishingStep
from codelm.runs.record import RunRecord
from codelm.runs.trainer import run_folder, writes_files

__all__ = ["Evaluate"]

log = logging.getLogger(__name__)


class Evaluate(FinishingStep):
    """Evaluates the base and the saved weights; writes ``report.html``, and ``evaluation/`` with all figures.

    It stands behind `ExportAdapter`, which gives the model its best weights. A failure is kept in the record, and only
    logs a warning: the training is saved, and must not be lost for a report.

    Args:
        settings: What is evaluated, and for how long.
    """

    def __init__(self, settings: EvaluationSettings | None = None) -> None:
        self.settings = settings or EvaluationSettings()

    def finish(self, trainer: Trainer, pl_module: Any) -> None:
        """Evaluate the weights that were saved."""
        if not (self.settings.enabled and writes_files(trainer) and has_history(trainer) and trainer.global_step > 0):
            return
        record = self.record
        # Unknown only where no weights could be chosen: the model then has those of the last step.
        step = int(trainer.global_step) if record.weights_step is None else record.weights_step
        record.evaluation_failure = "stopped"  # unless it comes to its end
        # An adapter that the training began with is in no checkpoint: going on compares and evaluates once more.
        is_first = record.weights == "first"
        record.figures, record.evaluation_failure = evaluate_weights(
            trainer,
            pl_module,
            self.settings,
            folder=run_folder(trainer),
            checkpoint=None if is_first else best_checkpoint(trainer),
            step=step,
            epochs=epoch_figures(record.forgetting, step),
            prompts=prompt_pairs(record.completions, step),
            refresh=_refresh(record),
            command="fit" if is_first else "test",
        )
        if record.evaluation_failure is not None:
            log.warning("the evaluation failed, everything else stands: %s", record.evaluation_failure)


def _refresh(record: RunRecord) -> str | None:
    """Return how the adapter compares with the one that the training began with, in a sentence."""
    if record.refresh is None:
        return None
    compared, kept = refresh_texts(record.refresh, record.refreshed_from[-1]["run"])
    return f"Refreshed: {compared}. Kept is {kept}."
