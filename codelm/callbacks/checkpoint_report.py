"""The report on a checkpoint that ``codelm test`` measures."""

import sys
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import CodelmError
from codelm.evaluation.settings import EvaluationSettings
from codelm.report.tensorboard import log_evaluation
from codelm.runs.checkpoints import read_step
from codelm.runs.evaluation import evaluate_weights, has_history, learned_samples, reason_of, warn_of_stop
from codelm.runs.figures import REPORT, epoch_figures, write_report
from codelm.runs.finish.print_summary import evaluation_lines
from codelm.runs.record import RunRecord
from codelm.runs.tested_run import earlier_epochs, earlier_prompts, report_folder

__all__ = ["CheckpointReport"]


class CheckpointReport(RecordingCallback):
    """Evaluates the weights of a tested checkpoint, writes the report to its run's folder and prints the result.

    A test ends with an error where the evaluation failed, once its loss is printed.

    Args:
        settings: What is evaluated, and for how long.
        record: The record that the callbacks of a run share; None for one of its own.
        summary: Whether to print the result.
    """

    def __init__(
        self, settings: EvaluationSettings | None = None, record: RunRecord | None = None, *, summary: bool = True
    ) -> None:
        super().__init__(record)
        self.summary = summary
        self.given = settings is not None
        self.settings = settings or EvaluationSettings()
        self.folder: Path | None = None
        self.failure: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the settings were given."""
        return self.given

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the folder of the run that is tested; whether it can take the report is known before anything is read.

        Raises:
            InputError: It cannot be written to.
        """
        self.folder = self.failure = None
        if self.settings.enabled and trainer.is_global_zero and has_history(trainer) and trainer.ckpt_path:
            checkpoint, data = Path(trainer.ckpt_path).resolve(), trainer.datamodule  # type: ignore[attr-defined]
            self.folder = report_folder(checkpoint, data, lambda step: learned_samples(trainer, step))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluate the weights of the checkpoint."""
        if self.folder is None:
            return
        try:
            figures = self._evaluate(trainer, pl_module, self.folder)
        except Exception as error:
            self.failure = reason_of(error)
        except BaseException:  # Ctrl-C, or SIGTERM
            warn_of_stop(self.folder, trainer.ckpt_path)
            raise
        else:
            if self.summary:
                _print(figures, self.folder)

    def _evaluate(self, trainer: Trainer, pl_module: Any, folder: Path) -> dict[str, Any]:
        step = read_step(Path(str(trainer.ckpt_path)))
        epochs = [each | {"chosen": each["step"] == step} for each in earlier_epochs(folder)]
        epochs = epochs or epoch_figures(self.record.forgetting, step)
        prompts = earlier_prompts(folder, step)
        figures, rows = evaluate_weights(
            trainer, pl_module, self.settings, folder=folder, step=step, epochs=epochs, prompts=prompts
        )
        write_report(folder, figures, rows)
        log_evaluation(trainer, figures, step)
        return figures

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let a test end with the failure of its evaluation, now that Lightning has printed the loss.

        Raises:
            CodelmError: The evaluation of a checkpoint failed.
        """
        if stage == "test" and self.failure is not None:
            raise CodelmError(f"no report, the test loss stands: {self.failure}; --debug shows where it failed")


def _print(figures: dict[str, Any], folder: Path) -> None:
    report = ["", f"{'report':<15}{folder / REPORT}", ""]
    sys.stdout.write("\n".join([*evaluation_lines({"evaluation": figures}), *report]))
    sys.stdout.flush()
