"""The report on a checkpoint that ``codelm test`` measures."""

import logging
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import CodelmError
from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.checkpoints import read_step
from codelm.runs.evaluation import evaluate_weights, has_history, learned_samples
from codelm.runs.figures import REPORT, epoch_figures
from codelm.runs.finish.print_summary import evaluation_lines
from codelm.runs.record import RunRecord
from codelm.runs.standard_output import print_result
from codelm.runs.tested_run import earlier_epochs, earlier_prompts, report_folder

__all__ = ["CheckpointReport"]

log = logging.getLogger(__name__)


class CheckpointReport(RecordingCallback):
    """Evaluates the weights of a tested checkpoint, writes the report to its run's folder and prints the result.

    A test ends with an error where the evaluation failed, once its loss is printed.

    Args:
        settings: What is evaluated, and for how long.
        summary: Whether to print the result.
    """

    def __init__(
        self, settings: EvaluationSettings | None = None, *, summary: bool = True, record: RunRecord | None = None
    ) -> None:
        super().__init__(record)
        self.is_configured = settings is not None
        self.settings = settings or EvaluationSettings()
        self.summary = summary
        self.folder: Path | None = None
        self.failure: str | None = None

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the folder of the run that is tested; whether it can take the report is known before anything is read.

        Raises:
            InputError: It cannot be written to.
        """
        self.folder = self.failure = None
        if not (trainer.is_global_zero and has_history(trainer) and trainer.ckpt_path):
            return
        if self.settings.enabled:
            checkpoint, data = Path(trainer.ckpt_path).resolve(), trainer.datamodule  # type: ignore[attr-defined]
            lora = getattr(pl_module, "lora", None)
            self.folder = report_folder(checkpoint, data, lambda step: learned_samples(trainer, step), lora)
        else:
            log.info("evaluation.enabled is false: the loss alone is measured; --evaluation.enabled true evaluates")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluate the weights of the checkpoint."""
        if self.folder is None:
            return
        step = read_step(Path(str(trainer.ckpt_path)))
        epochs = [each | {"chosen": each["step"] == step} for each in earlier_epochs(self.folder)]
        figures, self.failure = evaluate_weights(
            trainer,
            pl_module,
            self.settings,
            folder=self.folder,
            checkpoint=trainer.ckpt_path,
            step=step,
            epochs=epochs or epoch_figures(self.record.forgetting, step),
            prompts=earlier_prompts(self.folder, step),
        )
        if self.summary and figures:
            report = ["", f"{'report':<15}{self.folder / REPORT}", ""]
            print_result("\n".join([*evaluation_lines({"evaluation": figures}), *report]))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let a test end with the failure of its evaluation, now that Lightning has printed the loss.

        Raises:
            CodelmError: The evaluation of a checkpoint failed.
        """
        if stage == "test" and self.failure is not None:
            raise CodelmError(f"no report, the test loss stands: {self.failure}; --debug shows where it failed")
