"""The end of a training run, as a list of steps."""

import logging
from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import one_line
from codelm.runs.checkpoints import command_to_go_on
from codelm.runs.finish import FinishingStep, default_steps
from codelm.runs.record import RunRecord, cut_short
from codelm.runs.trainer import run_folder, writes_files

__all__ = ["FinishRun"]

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
        super().__init__(record)
        self.is_configured = steps is not None
        self.steps = default_steps() if steps is None else list(steps)
        self.finished = False
        self.attach(self.record)

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
            if writes_files(trainer) and not isinstance(exception, Exception):
                _tell_how_to_go_on(trainer)

    def _abort(
        self, steps: Sequence[FinishingStep], trainer: Trainer, pl_module: LightningModule, reason: BaseException
    ) -> None:
        for step in steps:
            try:
                step.abort(trainer, pl_module, reason)
            except Exception as error:  # what ended the run is the error to report
                log.warning("%s failed after the run had ended: %s", type(step).__name__, error)


def _tell_how_to_go_on(trainer: Trainer) -> None:
    """Say by which command a stopped training goes on; nothing where it would begin anew."""
    command = command_to_go_on(run_folder(trainer))
    if command is not None:
        log.info("the training was stopped at step %d; it goes on with: %s", trainer.global_step, command)
