"""Export of the best adapter in PEFT's format."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from codelm.errors import DamagedDataError, cannot_write, system_error
from codelm.files import new_folder
from codelm.runs.checkpoints import best_checkpoint, read_step, read_weights
from codelm.runs.finish.step import FinishingStep
from codelm.runs.trainer import run_folder, writes_files

__all__ = ["ExportAdapter"]

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
            _set_weights(pl_module, before)

    def _choose(self, trainer: Trainer, pl_module: Any, best: Path | None) -> None:
        """Give the model the weights that are exported."""
        if best:
            _set_weights(pl_module, read_weights(best))
        self.record.weights_step = read_step(best) if best else int(trainer.global_step)

    def _export(self, trainer: Trainer, pl_module: Any, weights: Literal["best", "last"]) -> None:
        folder = run_folder(trainer) / "adapter"
        try:
            with new_folder(folder) as unfinished:
                pl_module.save_adapter(unfinished)
        except Exception as error:
            of_system = system_error(error)
            if of_system is None:
                raise
            raise cannot_write("output folder", folder.parent, of_system, "--output") from error
        self.record.adapter, self.record.weights = folder, weights


@torch.no_grad()
def _set_weights(pl_module: Any, weights: Mapping[str, Tensor]) -> None:
    """Give the trained parameters the values of ``weights``.

    Raises:
        DamagedDataError: One of them is missing.
    """
    missing = [name for name, _ in pl_module.trained() if name not in weights]
    if missing:
        raise DamagedDataError(f"the best checkpoint lacks {len(missing)} trained weights, first {missing[0]}")
    for name, parameter in pl_module.trained():
        parameter.copy_(weights[name])
