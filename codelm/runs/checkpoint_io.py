"""Writing and reading of checkpoint files: a write replaces a file in one step, and damaged files are refused."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins import TorchCheckpointIO

from codelm.errors import InputError, cannot_write
from codelm.files import new_file
from codelm.lightning_internals import use_checkpoint_io
from codelm.runs.checkpoints import damaged_checkpoint

__all__ = ["AtomicCheckpointIO", "use_atomic_checkpoints"]


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a temporary file in its folder and renames that; refuses files that are no checkpoints.

    Lightning 2.6 writes to the system's folder for temporary files and copies from there: on a full disk half a copy
    takes the place of the checkpoint before.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint in one step.

        Raises:
            ResourceError: It cannot be written; what was there before still is.
        """
        if storage_options is not None or "://" in str(path):  # on no disk of this machine
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        content = io.BytesIO()
        torch.save(checkpoint, content)  # not to the file: torch would hide the system's error
        try:
            with new_file(Path(path)) as unfinished:
                unfinished.write_bytes(content.getbuffer())
        except OSError as error:
            raise cannot_write("checkpoint folder", Path(path).parent, error, "--output") from error

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint; whoever wrote it, it runs no code.

        Raises:
            InputError: Code was to be allowed.
            DamagedDataError: It is not one of Lightning's.
        """
        if kwargs.get("weights_only") is False:
            raise InputError("weights_only is false: a checkpoint could run code; leave it out")
        try:
            checkpoint: dict[str, Any] = super().load_checkpoint(path, *args, **(kwargs | {"weights_only": True}))
        except (OSError, MemoryError):
            raise
        except Exception as error:  # torch's errors are of all kinds, and advise to let the file run code
            raise damaged_checkpoint(path) from error
        if not isinstance(checkpoint, dict) or not {"pytorch-lightning_version", "state_dict"} <= checkpoint.keys():
            raise damaged_checkpoint(path)
        return checkpoint


def use_atomic_checkpoints(trainer: Trainer) -> None:
    """Let a trainer read and write checkpoints with `AtomicCheckpointIO`, unless the user chose another plugin."""
    use_checkpoint_io(trainer, AtomicCheckpointIO())
