"""Evaluation of the saved weights when a training ends."""

import logging
from typing import Any

from lightning.pytorch import Trainer

from codelm.evaluation.settings import EvaluationSettings
from codelm.report.tensorboard import log_evaluation
from codelm.runs.checkpoints import best_checkpoint
from codelm.runs.evaluation import evaluate_weights, has_history, reason_of, warn_of_stop
from codelm.runs.figures import epoch_figures, prompt_pairs, write_report
from codelm.runs.finish.step import FinishingStep
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
        record, folder = self.record, run_folder(trainer)
        # Unknown only where no weights could be chosen: the model then has those of the last step.
        step = int(trainer.global_step) if record.weights_step is None else record.weights_step
        try:
            epochs = epoch_figures(record.forgetting, step)
            prompts = prompt_pairs(record.completions, step)
            record.figures, rows = evaluate_weights(
                trainer, pl_module, self.settings, folder=folder, step=step, epochs=epochs, prompts=prompts
            )
            write_report(folder, record.figures, rows)
            log_evaluation(trainer, record.figures, step)
        except Exception as error:
            record.evaluation_failure = reason_of(error)
            log.warning("the evaluation failed, everything else stands: %s", record.evaluation_failure)
        except BaseException:  # Ctrl-C, or SIGTERM
            record.evaluation_failure = "stopped"
            warn_of_stop(folder, best_checkpoint(trainer))
            raise
