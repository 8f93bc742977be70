"""The end of a training in time: ``trainer.max_time`` holds for its measurements, too."""

import logging
from datetime import timedelta
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

from codelm.batch import Batch
from codelm.callbacks.recording import RecordingCallback
from codelm.lightning_internals import is_at_end_of_epoch, is_within_step, take_over
from codelm.runs.record import RunRecord
from codelm.runs.trainer import validates_training

__all__ = ["TimeLimit"]

log = logging.getLogger(__name__)


class TimeLimit(RecordingCallback):
    """Ends a training early enough for its last measurements to be over when ``trainer.max_time`` is.

    Lightning's `Timer` counts from the first batch and stops at the limit; validation, completions and the measurement
    of general code come on top. Here the time counts from the fit's start, and the longest time that the training has
    stood still so far, at first for the measurements of the base, is kept free; more of it where steps have become
    slower since. A resumed run counts on. At least one step is trained. It stands before all callbacks that measure
    something, and shares the record of `TrainingHistory`.

    Attributes:
        limit: The seconds of ``trainer.max_time``; None without a limit.
        measuring: The longest time, in seconds, that measurements have taken.
        step: The time of an optimizer step, in seconds, the last ones counting most.
        step_then: That of a step after the longest measurements; None until one was trained.
        measuring_since: The second of the record at which measurements began; None while steps are trained.
        step_since: The second at which the present step began.
    """

    def __init__(self, record: RunRecord | None = None) -> None:
        super().__init__(record)
        self.limit: float | None = None
        self.measuring = self.step = 0.0
        self.step_then: float | None = None
        self.measuring_since: float | None = None
        self.step_since = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the limit; a resumed run that has no time left for a step and its measurements trains nothing."""
        timer = next((each for each in trainer.callbacks if isinstance(each, Timer)), None)  # type: ignore[attr-defined]
        self.limit = take_over(timer) if timer else None  # it would end a step within its accumulation
        self.measuring_since = self.step_since = self.record.seconds
        if trainer.global_step:
            self._stop_unless_there_are(self.step + self._measuring_now, trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Keep how long the measurements before this batch took, if that is the longest time so far."""
        if self.measuring_since is not None:
            took = self.record.seconds - self.measuring_since
            self.measuring_since, self.step_since = None, self.step_since + took
            if took > self.measuring:
                self.measuring, self.step_then = took, None
            if self.limit is not None and trainer.global_step == 0 and self._ends_after(self.measuring):
                log.warning(
                    "trainer.max_time %s is too short: the measurements took %s before training and take as long after"
                    " it; one step is trained, and the run takes longer than that",
                    *(timedelta(seconds=round(each)) for each in (self.limit, self.measuring)),
                )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """End the training behind an optimizer step if there is no time for one more and the measurements."""
        if not is_within_step(trainer):
            now = self.record.seconds
            took, self.step_since = now - self.step_since, now
            self.step = (self.step + took) / 2 if self.step else took  # one slow step alone is no slow machine
            self.step_then = self.step_then or took
            self._stop_unless_there_are(self.step + self._measuring_now, trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count the time of measurements."""
        if validates_training(trainer):
            self.measuring_since = self.record.seconds

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the training behind a validation if there is no time for one more step and all measurements again."""
        if validates_training(trainer) and self.measuring_since is not None and not is_within_step(trainer):
            validation = self.record.seconds - self.measuring_since
            others = max(0.0, self._measuring_now - validation) if is_at_end_of_epoch(trainer) else 0.0
            self._stop_unless_there_are(others + self.step + self._measuring_now, trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count what comes behind an epoch, also where it was not validated."""
        if self.measuring_since is None:
            self.measuring_since = self.record.seconds

    @property
    def _measuring_now(self) -> float:
        """How long measurements take now, in seconds: the longest so far, at the pace of the last steps."""
        return self.measuring * max(1.0, self.step / self.step_then) if self.step_then else self.measuring

    def _ends_after(self, seconds: float) -> bool:
        """Return whether there is a limit, and less time until it than so many seconds."""
        return self.limit is not None and self.record.seconds + seconds > self.limit

    def _stop_unless_there_are(self, seconds: float, trainer: Trainer) -> None:
        """End the training if fewer seconds are left; all processes do as the first one's clock says."""
        if self.limit is None or trainer.should_stop:
            return
        is_over = self._ends_after(seconds)
        if trainer.strategy.broadcast(is_over) if trainer.world_size > 1 else is_over:
            trainer.should_stop = self.record.time_is_up = True
            log.info("trainer.max_time: no more steps, so that there is time for the measurements")

    def state_dict(self) -> dict[str, Any]:
        """Return how long measurements and steps take, which checkpoints keep."""
        return {"measuring": self.measuring, "step": self.step, "step_then": self.step_then}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the times that the run took which is resumed."""
        self.measuring, self.step, self.step_then = (state_dict[name] for name in ("measuring", "step", "step_then"))
