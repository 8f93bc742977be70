"""What a run that is stopped keeps of the steps since its last checkpoint."""

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.callbacks.export import read_step
from codelm.errors import DamagedDataError
from codelm.files import new_file
from codelm.runs.trainer import writes

log = logging.getLogger(__name__)


class SaveWhenStopped(Callback):
    """Writes ``last.ckpt`` beside the run's other checkpoints when Ctrl-C or SIGTERM stops it after a step.

    A run that goes on from it has the weights, moments and learning rate of the last optimizer step, and learns the
    epoch's rows from the first one behind that step: a gradient that was only half accumulated is forgotten, and its
    rows are read again. A validation that was under way begins anew.

    Nothing is written where the last checkpoint is of this very step, where there are no checkpoints at all, or where
    several processes train: the others may have stopped elsewhere.
    """

    def __init__(self) -> None:
        self.saving = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the checkpoint, unless a failure ends the run: then the weights may be what is broken."""
        last = last_checkpoint(trainer)
        if isinstance(exception, Exception) or last is None or trainer.global_step in (0, step_of(last)):
            return
        try:
            self.save(trainer, last)
        except Exception as error:  # the run was asked to stop, and stops
            log.warning("%s could not be saved: %s", last, error)

    def save(self, trainer: Trainer, last: Path) -> None:
        """Write the checkpoint in one step."""
        # Otherwise the continued run would name its own last-v1.ckpt, as if this one were not its own.
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
            at_last_step(checkpoint["loops"]["fit_loop"], trainer.accumulate_grad_batches)
            if trainer.validating:
                before_validation(checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"])


def last_checkpoint(trainer: Trainer) -> Path | None:
    """Return the file that holds the newest state of this run, there or not; None if the run keeps none."""
    folder = getattr(trainer.checkpoint_callback, "dirpath", None)
    kept = folder and writes(trainer) and trainer.world_size == 1
    return Path(folder) / "last.ckpt" if folder and kept else None


def step_of(checkpoint: Path) -> int | None:
    """Return the step of a checkpoint; None where there is none to read."""
    try:
        return read_step(checkpoint) if checkpoint.is_file() else None
    except DamagedDataError:
        return None


def at_last_step(loop: dict[str, Any], accumulate: int) -> None:
    """Move Lightning's count of batches back to the epoch's last optimizer step, if it is beyond that."""
    steps = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]["current"]["completed"]
    batches = loop["epoch_loop.batch_progress"]
    done = min(steps * accumulate, batches["current"]["ready"])  # an epoch's last step may have fewer batches
    beyond = batches["current"]["ready"] - done
    batches["is_last_batch"] = batches["is_last_batch"] and not beyond
    settle(batches["current"], done)
    settle(batches["total"], batches["total"]["ready"] - beyond)


def before_validation(batches: dict[str, Any]) -> None:
    """Let Lightning find a validation under way of which no batch is done."""
    batches["is_last_batch"] = False
    settle(batches["current"], 0)
    settle(batches["total"], 0)
    batches["total"] |= {"ready": 1, "started": 1}


def settle(progress: dict[str, int], count: int) -> None:
    """Let a count of Lightning say that so many were begun and ended."""
    progress |= dict.fromkeys(progress, count)
