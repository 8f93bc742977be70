"""Export of the best adapter in PEFT's format."""

import logging
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Trainer

from codelm.errors import cannot_write, system_error
from codelm.files import new_folder
from codelm.runs.checkpoints import best_checkpoint, read_step, read_weights
from codelm.runs.finish.step import FinishingStep
from codelm.runs.trainer import run_folder, writes_files
from codelm.runs.weights import set_weights

__all__ = ["ExportAdapter", "write_adapter"]

log = logging.getLogger(__name__)


class ExportAdapter(FinishingStep):
    """Saves the adapter of the best checkpoint to the run's ``adapter`` folder.

    Without a checkpoint the weights as they are. A run that was stopped or failed saves the best so far; one that
    failed before its first checkpoint saves nothing. The folder appears whole or not at all.

    After a training that came to its end the model has the best checkpoint's weights, on every process; after one that
    was stopped or failed it has those of the last step, and so has the checkpoint that may follow.
    """

    def finish(self, trainer: Trainer, pl_module: Any) -> None:
        """Give the model the best weights on every process, and save them on the first.

        Raises:
            DamagedDataError: The best checkpoint cannot be used.
            ResourceError: The adapter cannot be written.
        """
        best = None if trainer.fast_dev_run else best_checkpoint(trainer)  # type: ignore[attr-defined]
        self._choose(trainer, pl_module, best)
        if writes_files(trainer):
            self._export(trainer, pl_module, "best" if best else "last")

    def abort(self, trainer: Trainer, pl_module: Any, error: BaseException) -> None:
        """Save what is best so far, and leave the model as it is: a checkpoint of the last step may follow."""
        best = best_checkpoint(trainer)
        stopped = not isinstance(error, Exception) and trainer.global_step > 0
        if not writes_files(trainer) or not (best or stopped):
            return
        before = {name: parameter.detach().clone() for name, parameter in pl_module.trained()}
        try:
            self._choose(trainer, pl_module, best)
            self._export(trainer, pl_module, "best" if best else "last")
        except Exception as failure:  # the run's own error is the one to report
            log.warning("the adapter could not be saved: %s", failure)
        finally:
            set_weights(pl_module, before)

    def _choose(self, trainer: Trainer, pl_module: Any, best: Path | None) -> None:
        """Give the model the weights that are exported."""
        if best:
            set_weights(pl_module, read_weights(best))
        self.record.weights_step = read_step(best) if best else int(trainer.global_step)

    def _export(self, trainer: Trainer, pl_module: Any, weights: Literal["best", "last"]) -> None:
        folder = run_folder(trainer) / "adapter"
        write_adapter(pl_module, folder)
        self.record.adapter, self.record.weights = folder, weights


def write_adapter(pl_module: Any, folder: Path) -> None:
    """Write the model's adapter, as it is now, into a folder, which appears whole or not at all.

    Raises:
        ResourceError: It cannot be written.
    """
    try:
        with new_folder(folder) as unfinished:
            pl_module.save_adapter(unfinished)
    except Exception as error:
        of_system = system_error(error)
        if of_system is None:
            raise
        raise cannot_write("output folder", folder.parent, of_system, "--output") from error
