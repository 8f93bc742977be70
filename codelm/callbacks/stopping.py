"""The checkpoint of a run that is stopped by Ctrl-C or SIGTERM."""

import logging
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.callbacks.checkpoints import Checkpoints
from codelm.errors import DamagedDataError
from codelm.lightning_internals import save_alone
from codelm.runs.checkpoints import read_step
from codelm.runs.trainer import writes_files

__all__ = ["SaveWhenStopped"]

log = logging.getLogger(__name__)


class SaveWhenStopped(Callback):
    """Writes ``last.ckpt`` when Ctrl-C or SIGTERM stops a run after a step; `Checkpoints` says where it lies.

    A run that resumes from it has the weights, moments and learning rate of the last optimizer step, and learns the
    epoch's rows from the first one behind that step: a gradient that was only half accumulated is dropped, and its
    rows are read again. A validation that was under way begins anew.

    Nothing is written where the last checkpoint is of this very step, where a second signal came within an optimizer
    step, which nothing can go on from, or where there are no checkpoints at all. Where several processes train, the
    first one's state is that of all, and it does not wait for the others.
    """

    def __init__(self) -> None:
        self.training = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save from now on."""
        self.training = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save no more: a finishing step gives the model the weights of another step."""
        self.training = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the checkpoint, unless a failure ends the run: then the weights may be what is broken."""
        checkpoints = next((one for one in trainer.checkpoint_callbacks if isinstance(one, Checkpoints)), None)
        is_stopped = self.training and not isinstance(exception, Exception)
        if checkpoints is None or not is_stopped or not writes_files(trainer):
            return
        if checkpoints.stops.half_done or trainer.global_step in (0, _step_of(Path(checkpoints.last_model_path))):
            return
        try:
            checkpoints.write_last(trainer, save_alone)
        except Exception as error:  # the run was asked to stop, and stops
            log.warning("%s could not be saved: %s", checkpoints.last_model_path, error)


def _step_of(checkpoint: Path) -> int | None:
    """Return the step of a checkpoint; None where there is none to read."""
    try:
        return read_step(checkpoint) if checkpoint.is_file() else None
    except DamagedDataError:
        return None
