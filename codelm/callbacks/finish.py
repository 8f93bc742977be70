"""The end of a training run, as a list of steps, and the callbacks that measure what the steps need."""

import logging
from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.base_reference import BaseReference
from codelm.callbacks.forgetting import Forgetting
from codelm.callbacks.manifest import Manifest
from codelm.callbacks.recording import RecordingCallback
from codelm.callbacks.training_history import TrainingHistory
from codelm.errors import one_line
from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.finish import Evaluate, ExportAdapter, FinishingStep, PrintSummary, WriteManifest
from codelm.runs.outcome import cut_short
from codelm.runs.record import RunRecord

__all__ = ["FinishRun", "recording_callbacks"]

log = logging.getLogger(__name__)


class FinishRun(RecordingCallback):
    """Does what a run ends with, step by step.

    After a training that came to its end each step is done, also where one before it failed; the first error is raised
    once all are done. A training that was stopped or failed does what each step can still do. It stands behind all
    callbacks that measure something.

    Args:
        steps: The steps in their order; None exports the adapter, evaluates, writes the manifest and prints a summary.
            Without `WriteManifest` the manifest keeps saying that the run is running.
        record: The record that the callbacks of a run share; None for one of its own.
    """

    def __init__(self, steps: Sequence[FinishingStep] | None = None, record: RunRecord | None = None) -> None:
        self.given = steps is not None
        self.steps = _default_steps() if steps is None else list(steps)
        self.finished = False
        super().__init__(record)

    @property
    def is_configured(self) -> bool:
        """Whether the steps were given."""
        return self.given

    def attach(self, record: RunRecord) -> None:
        """Let the steps read this record."""
        super().attach(record)
        for step in self.steps:
            step.record = record

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Mark the run as unfinished."""
        self.finished = False

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do all steps.

        Raises:
            Exception: The first error of a step, once all are done.
        """
        record = self.record
        record.stop_clock()
        record.status, record.reason = "completed", cut_short(record, trainer, pl_module)
        self.finished = True
        errors: list[Exception] = []
        for place, step in enumerate(self.steps):
            try:
                step.finish(trainer, pl_module)
            except Exception as error:
                log.warning("%s failed: %s", type(step).__name__, one_line(error))
                errors.append(error)
                record.ended_by(errors[0])
            except BaseException as stop:  # Ctrl-C, or SIGTERM
                self._abort(self.steps[place:], trainer, pl_module, stop)
                raise
        if errors:
            raise errors[0]

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Do what each step can do after a training that was stopped or failed."""
        if not self.finished:
            self.record.stop_clock()
            self.record.ended_by(exception)
            self.finished = True
            self._abort(self.steps, trainer, pl_module, exception)

    def _abort(
        self, steps: Sequence[FinishingStep], trainer: Trainer, pl_module: LightningModule, reason: BaseException
    ) -> None:
        for step in steps:
            try:
                step.abort(trainer, pl_module, reason)
            except Exception as error:  # what ended the run is the error to report
                log.warning("%s failed after the run had ended: %s", type(step).__name__, error)


def _default_steps(evaluation: EvaluationSettings | None = None, *, summary: bool = True) -> list[FinishingStep]:
    """Return the steps that end a run; the manifest is written before the evaluation too, which may take long."""
    steps = [ExportAdapter(), WriteManifest(), Evaluate(evaluation), WriteManifest(required=False)]
    return [*steps, PrintSummary()] if summary else steps


def recording_callbacks(
    record: RunRecord, evaluation: EvaluationSettings | None = None, *, summary: bool = True
) -> list[RecordingCallback]:
    """Return the callbacks that measure a training and end it, in the order in which they depend on each other.

    Args:
        record: What they write to and read.
        evaluation: What is evaluated, and for how long.
        summary: Whether to print the result at the end.
    """
    settings = evaluation or EvaluationSettings()
    every = settings.every_n_epochs if settings.enabled else 0
    return [
        BaseReference(record),
        TrainingHistory(record),
        Manifest(record),
        Forgetting(every, settings.batch_size, settings.seed, record),
        FinishRun(_default_steps(settings, summary=summary), record),
    ]
