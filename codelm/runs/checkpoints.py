"""Checkpoint files of runs: the one that ``--ckpt_path`` means, the best one so far, and what is read from them."""

import zipfile
from collections.abc import Mapping
from os.path import expanduser
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from codelm.errors import DamagedDataError, InputError, one_line
from codelm.runs.folder import version_number
from codelm.runs.record import RunRecord

__all__ = [
    "best_checkpoint",
    "checkpoint_file",
    "damaged_checkpoint",
    "read_settings",
    "read_step",
    "read_weights",
    "saved_step",
]


def checkpoint_file(wanted: str | None, output: Path, name: str) -> str | None:
    """Return the checkpoint that ``--ckpt_path`` means: a file, or ``last`` or ``best`` of the newest run of that name.

    Raises:
        InputError: There is none.
        DamagedDataError: The file is not, or no longer, a checkpoint.
    """
    if wanted is None:
        return None
    path = _newest_checkpoint(wanted, output / name) if wanted in ("last", "best") else Path(expanduser(wanted))
    if path is None:
        other = {"last": "best", "best": "last"}[wanted]
        there = f"--ckpt_path {other}, which there is, or " if _newest_checkpoint(other, output / name) else ""
        raise InputError(f"--ckpt_path {wanted}: no run in {output / name} has one; give {there}the file itself")
    if not path.is_file():
        raise InputError(f"--ckpt_path {path}: no such file; give a file from a run's checkpoints folder")
    if not _is_whole(path):
        raise damaged_checkpoint(path)
    return str(path)


def _is_whole(path: Path) -> bool:
    """Return whether a file is an archive, as checkpoints are, whose parts all have the sums they were written with."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # damaged bytes raise BadZipFile, zlib.error, RuntimeError and more
        return False


def damaged_checkpoint(path: str | Path) -> DamagedDataError:
    """Return the error for a file that is not, or no longer, a checkpoint."""
    other = "best" if Path(path).stem == "last" else "last"
    return DamagedDataError(
        f"checkpoint {path} is damaged, or not one of codelm's; give another of the run, such as --ckpt_path {other}"
    )


def _newest_checkpoint(wanted: str, runs: Path) -> Path | None:
    """Return ``last`` or ``best`` of the newest run below ``runs`` that has one."""
    for folder in sorted(runs.glob("version_*"), key=version_number, reverse=True):
        files = (folder / "checkpoints").glob("*.ckpt")
        found = [path for path in files if (path.stem == "last") == (wanted == "last")]
        if found:
            return max(found, key=lambda path: path.stat().st_mtime)
    return None


def best_checkpoint(trainer: Trainer) -> Path | None:
    """Return the file of the best checkpoint so far; None if there is none."""
    # Lightning names the file also where writing it was refused.
    path = Path(getattr(trainer.checkpoint_callback, "best_model_path", "") or "/nowhere")
    return path if path.is_file() else None


def saved_step(record: RunRecord, trainer: Trainer) -> int | None:
    """Return the optimizer step of the weights that were saved, or would be now; None if the file cannot be read."""
    if record.weights_step is not None:
        return record.weights_step
    best = best_checkpoint(trainer)
    if best is None:
        return int(trainer.global_step)
    try:
        return read_step(best)
    except DamagedDataError:  # whoever needs its weights reports it
        return None


def read_weights(checkpoint: Path) -> Mapping[str, Tensor]:
    """Return a checkpoint's weights by name.

    Raises:
        DamagedDataError: It cannot be read.
    """
    weights: Mapping[str, Tensor] = _read(checkpoint, "state_dict")
    return weights


def read_step(checkpoint: Path) -> int:
    """Return the optimizer step at which a checkpoint was written.

    Raises:
        DamagedDataError: It cannot be read.
    """
    return int(_read(checkpoint, "global_step", mmap=True))  # the weights stay on disk


def read_settings(checkpoint: Path) -> dict[str, Any]:
    """Return the settings that a checkpoint was trained with; none for one of an earlier version.

    Raises:
        DamagedDataError: It cannot be read.
    """
    settings: dict[str, Any] = _read(checkpoint, "settings", mmap=True, default={})
    return settings


def _read(checkpoint: Path, key: str, *, mmap: bool = False, default: Any = None) -> Any:
    """Return one entry of a checkpoint, or a ``default`` if there is one."""
    try:
        # Not weights_only: this run wrote the file, with whatever its other callbacks keep in it.
        content = torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=mmap)
        return content[key] if default is None else content.get(key, default)
    except Exception as error:  # damaged bytes raise UnpicklingError, IndexError and more
        raise DamagedDataError(
            f"checkpoint {checkpoint} cannot be read ({one_line(error)}): use another checkpoint"
        ) from error
