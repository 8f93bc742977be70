"""The checkpoint of a run that is stopped by Ctrl-C or SIGTERM."""

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.errors import DamagedDataError
from codelm.files import new_file
from codelm.lightning_internals import restart_validation, rewind_to_last_step
from codelm.runs.checkpoints import read_step
from codelm.runs.trainer import writes_files

__all__ = ["SaveWhenStopped"]

log = logging.getLogger(__name__)


class SaveWhenStopped(Callback):
    """Writes ``last.ckpt`` beside the run's other checkpoints when Ctrl-C or SIGTERM stops it after a step.

    A run that resumes from it has the weights, moments and learning rate of the last optimizer step, and learns the
    epoch's rows from the first one behind that step: a gradient that was only half accumulated is dropped, and its
    rows are read again. A validation that was under way begins anew.

    Nothing is written where the last checkpoint is of this very step, where there are no checkpoints at all, or where
    several processes train: the others may have stopped elsewhere.
    """

    def __init__(self) -> None:
        self.saving = False
        self.training = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save from now on."""
        self.training = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save no more: a finishing step gives the model the weights of another step."""
        self.training = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the checkpoint, unless a failure ends the run: then the weights may be what is broken."""
        last = _last_checkpoint(trainer) if self.training else None
        if isinstance(exception, Exception) or last is None or trainer.global_step in (0, _step_of(last)):
            return
        try:
            self._save(trainer, last)
        except Exception as error:  # the run was asked to stop, and stops
            log.warning("%s could not be saved: %s", last, error)

    def _save(self, trainer: Trainer, last: Path) -> None:
        # Otherwise the resumed run would name its own last-v1.ckpt, as if this one were not its own.
        trainer.checkpoint_callback.last_model_path = str(last)  # type: ignore[union-attr]
        self.saving = True
        try:
            with new_file(last) as unfinished:
                trainer.save_checkpoint(unfinished)
        finally:
            self.saving = False

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint of a stopped run say exactly where its last optimizer step ended."""
        if self.saving:
            rewind_to_last_step(checkpoint, trainer.accumulate_grad_batches)
            if trainer.validating:
                restart_validation(checkpoint)


def _last_checkpoint(trainer: Trainer) -> Path | None:
    """Return the file that holds the newest state of this run, there or not; None if the run keeps none."""
    folder = getattr(trainer.checkpoint_callback, "dirpath", None)
    kept = folder and writes_files(trainer) and trainer.world_size == 1
    return Path(folder) / "last.ckpt" if folder and kept else None


def _step_of(checkpoint: Path) -> int | None:
    """Return the step of a checkpoint; None where there is none to read."""
    try:
        return read_step(checkpoint) if checkpoint.is_file() else None
    except DamagedDataError:
        return None
