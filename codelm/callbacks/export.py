"""The adapter that a run leaves behind: the best one, in PEFT's format."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from codelm.errors import DamagedDataError, one_line
from codelm.files import new_folder
from codelm.runs.trainer import run_folder, writes

log = logging.getLogger(__name__)


class ExportAdapter(Callback):
    """Saves the adapter of the best checkpoint to the run's ``adapter`` folder when training ends.

    Without a checkpoint the weights as they are. A run that was stopped or failed saves the best so far; one that
    failed before its first checkpoint saves nothing. The folder appears whole or not at all.

    After a training that came to its end the model has the best checkpoint's weights, on every process; after one that
    was stopped or failed it has those of the last step, and so has the checkpoint that may follow.

    List it before `Manifest`, which writes the files' hashes.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.source: Literal["best", "last"] | None = None

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the model the best weights on every process, and save them on the first."""
        best = None if trainer.fast_dev_run else best_checkpoint(trainer)  # type: ignore[attr-defined]
        if best:
            put(pl_module, read_weights(best))
        if writes(trainer):
            self.export(trainer, pl_module, "best" if best else "last")

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        """Save what is best so far, and leave the model as it is: a checkpoint of the last step may follow."""
        best = best_checkpoint(trainer)
        stopped = not isinstance(exception, Exception) and trainer.global_step > 0
        if not writes(trainer) or not (best or stopped):
            return
        before = {name: parameter.detach().clone() for name, parameter in pl_module.trained()}
        try:
            if best:
                put(pl_module, read_weights(best))
            self.export(trainer, pl_module, "best" if best else "last")
        except Exception as error:  # the run's own exception is the one to report
            log.warning("the adapter could not be saved: %s", error)
        finally:
            put(pl_module, before)

    def export(self, trainer: Trainer, pl_module: Any, source: Literal["best", "last"]) -> None:
        """Save the adapter as the model has it."""
        folder = run_folder(trainer) / "adapter"
        with new_folder(folder) as unfinished:
            pl_module.save_adapter(unfinished)
        self.folder, self.source = folder, source


def best_checkpoint(trainer: Trainer) -> Path | None:
    """Return the file of the best checkpoint so far; None if there is none."""
    # Lightning names the file also where writing it was refused.
    path = Path(getattr(trainer.checkpoint_callback, "best_model_path", "") or "/nowhere")
    return path if path.is_file() else None


def read_weights(checkpoint: Path) -> Mapping[str, Tensor]:
    """Return a checkpoint's weights by name.

    Raises:
        DamagedDataError: It cannot be read.
    """
    weights: Mapping[str, Tensor] = read(checkpoint, "state_dict")
    return weights


def read_step(checkpoint: Path) -> int:
    """Return the optimizer step at which a checkpoint was written.

    Raises:
        DamagedDataError: It cannot be read.
    """
    return int(read(checkpoint, "global_step", mmap=True))  # the weights stay on disk


def read(checkpoint: Path, key: str, *, mmap: bool = False) -> Any:
    """Return one entry of a checkpoint."""
    try:
        # Not weights_only: this run wrote the file, with whatever its other callbacks keep in it.
        return torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=mmap)[key]
    except Exception as error:  # what unpickling damaged bytes raises has no end: UnpicklingError, IndexError, ...
        raise DamagedDataError(
            f"checkpoint {checkpoint} cannot be read ({one_line(error)}): use another checkpoint"
        ) from error


@torch.no_grad()
def put(pl_module: Any, weights: Mapping[str, Tensor]) -> None:
    """Give what training changes the values of ``weights``.

    Raises:
        DamagedDataError: One of them is missing.
    """
    missing = [name for name, _ in pl_module.trained() if name not in weights]
    if missing:
        raise DamagedDataError(f"the best checkpoint lacks {len(missing)} trained weights, first {missing[0]}")
    for name, parameter in pl_module.trained():
        parameter.copy_(weights[name])
