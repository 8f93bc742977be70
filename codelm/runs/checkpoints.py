"""The checkpoint files of a run: each the old one or the new one, and none read that is not one of ours."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins import TorchCheckpointIO

from codelm.errors import cannot_write
from codelm.files import new_file
from codelm.runs.folder import unusable


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place before it takes the name, and says of one that cannot be read which it is.

    Lightning writes to the system's folder for temporary files and copies from there: on a full disk half a copy takes
    the place of the checkpoint before.
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
        torch.save(checkpoint, content)  # not to the file: torch would hide what the system says of the disk
        try:
            with new_file(Path(path)) as unfinished:
                unfinished.write_bytes(content.getbuffer())
        except OSError as error:
            raise cannot_write("checkpoint folder", Path(path).parent, error, "--output") from error

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            DamagedDataError: It is not one of Lightning's.
        """
        try:
            checkpoint: dict[str, Any] = super().load_checkpoint(path, *args, **kwargs)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # torch tells strangers to let the file run code; and its errors are of all kinds
            raise unusable(path) from error
        if not isinstance(checkpoint, dict) or not {"pytorch-lightning_version", "state_dict"} <= checkpoint.keys():
            raise unusable(path)
        return checkpoint


def keep_whole(trainer: Trainer) -> None:
    """Let a trainer read and write checkpoints as `WholeCheckpoints` does, unless the user chose a way of their own."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = WholeCheckpoints()
