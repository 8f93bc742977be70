"""Checkpoint files of runs: the one that ``--ckpt_path`` means, the best one so far, and what is read from them."""

import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from os.path import expanduser
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from codelm.errors import DamagedDataError, InputError
from codelm.runs.folder import folders_of_configs, version_number
from codelm.runs.record import RunRecord
from codelm.saved_run import CHECKPOINTS, SavedRun

__all__ = [
    "LAST",
    "MARK",
    "best_checkpoint",
    "checkpoint_file",
    "command_to_go_on",
    "damaged_checkpoint",
    "found_beside",
    "load",
    "read_settings",
    "read_step",
    "read_weights",
    "saved_step",
]

LAST = "last.ckpt"
MARK = "codelm"
"""The key under which a checkpoint says how good it is: ``score``, None where unknown, and ``mode``, min or max."""

_FOLDER = 0x10
"""The mark of a folder among the attributes of a record of an archive, MS-DOS's."""
_LAST = re.compile(r"last(-v\d+)?")
_LIGHTNING = re.compile(r"ModelCheckpoint\{.*'mode': '(min|max)'")


def checkpoint_file(wanted: str | None, output: Path, name: str, configs: Sequence[Path] = ()) -> str | None:
    """Return the checkpoint that ``--ckpt_path`` means: a file, or ``last`` or ``best`` of a run.

    The run is the one beside whose checkpoints a configuration lies, or else the newest of the name.

    Args:
        wanted: ``last``, ``best`` or a file; None for none.
        output: The folder of all runs.
        name: The runs' name.
        configs: The configurations that were given.

    Raises:
        InputError: There is none.
        DamagedDataError: The file is not, or no longer, a checkpoint.
    """
    if wanted is None:
        return None
    given = folders_of_configs(configs)
    newest = sorted((output / name).glob("version_*"), key=version_number, reverse=True)
    runs = given[:1] or newest
    path = _first_checkpoint(wanted, runs) if wanted in ("last", "best") else Path(expanduser(wanted))
    if path is None:
        other = {"last": "best", "best": "last"}[wanted]
        there = f"--ckpt_path {other}, which there is, or " if _first_checkpoint(other, runs) else ""
        place = f"the run {given[0]} has none" if given else f"no run in {output / name} has one"
        anew = "" if there or not given else ", or leave --ckpt_path out to begin it anew"
        raise InputError(f"--ckpt_path {wanted}: {place}; give {there}the file itself{anew}")
    if path.is_dir():
        raise InputError(f"--ckpt_path {path} is a folder; give a file in it, or last or best")
    if not path.is_file():
        raise InputError(f"--ckpt_path {path}: no such file; give a file from a run's checkpoints folder")
    if not _is_whole(path):
        raise damaged_checkpoint(path)
    return str(path)


def command_to_go_on(folder: Path) -> str | None:
    """Return the command that goes on with a run from its last checkpoint; None where it has none, or no settings."""
    can_go_on = any((folder / CHECKPOINTS).glob("*.ckpt")) and (folder / "config.yaml").is_file()
    return SavedRun(folder).going_on if can_go_on else None


def _is_whole(path: Path) -> bool:
    """Return whether a file is an archive, as checkpoints are, whose parts all have the sums they were written with."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not _has_folder(archive) and archive.testzip() is None
    except Exception:  # damaged bytes raise BadZipFile, zlib.error, RuntimeError and more
        return False


def _has_folder(archive: zipfile.ZipFile) -> bool:
    """Return whether a record of an archive is marked as a folder, as one bit that is flipped does it.

    torch 2.13 reads such a record as whatever was in memory before, and looks at no sum: the reader of archives that it
    builds upon (miniz) takes a folder for read, since it is empty.
    """
    return any(record.external_attr & _FOLDER for record in archive.infolist())


def damaged_checkpoint(path: str | Path) -> DamagedDataError:
    """Return the error for a file that is not, or no longer, a checkpoint."""
    other = "best" if Path(path).stem == "last" else "last"
    return DamagedDataError(
        f"checkpoint {path} is damaged, or not one of codelm's; give another of the run, such as --ckpt_path {other}"
    )


def _first_checkpoint(wanted: str, runs: Sequence[Path]) -> Path | None:
    """Return ``last`` or ``best`` of the first of some runs' folders that has one."""
    for folder in runs:
        files = list((folder / CHECKPOINTS).glob("*.ckpt"))
        found = [path for path in files if bool(_LAST.fullmatch(path.stem)) == (wanted == "last")]
        if len(found) > 1:
            return min(found, key=_by_step if wanted == "last" else _by_score)
        if found:
            return found[0]
    return None


def _by_step(checkpoint: Path) -> float:
    """Return a number that is lowest for the newest of some checkpoints; files that cannot be read come last."""
    try:
        return -read_step(checkpoint)
    except DamagedDataError:
        return math.inf


def _by_score(checkpoint: Path) -> tuple[float, float]:
    """Return what is lowest for the best of some checkpoints, by the score that each recorded; the newer, if equal."""
    try:
        content = load(checkpoint, mmap=True)
        score, mode = _score(content)
        step = int(content["global_step"])
    except Exception:  # damaged bytes raise errors of all kinds
        return math.inf, math.inf
    if score is None or math.isnan(score):
        return math.inf, -step
    return -score if mode == "max" else score, -step


def _score(content: Mapping[str, Any]) -> tuple[float | None, str]:
    """Return the score of a checkpoint, and whether the lowest or highest is best; by Lightning's state if need be."""
    if MARK in content:
        return content[MARK]["score"], content[MARK]["mode"]
    for key, state in content["callbacks"].items():
        if (found := _LIGHTNING.match(key)) and state["current_score"] is not None:
            return float(state["current_score"]), found[1]
    return None, "min"


def found_beside(folder: Path, path: str) -> str | None:
    """Return the file of a path's name in a folder; None if there is none."""
    file = folder / Path(path).name
    return str(file) if path and file.is_file() else None


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
        content = load(checkpoint, mmap=mmap)
        return content[key] if default is None else content.get(key, default)
    except Exception as error:  # of all kinds; torch's advise to let the file run code
        raise damaged_checkpoint(checkpoint) from error


def load(checkpoint: str | Path, *, mmap: bool = False) -> Any:
    """Return the content of a file that torch wrote, on the CPU; whoever wrote it, it runs no code."""
    with zipfile.ZipFile(checkpoint) as archive:
        if _has_folder(archive):
            raise zipfile.BadZipFile("a record is marked as a folder")
    return torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=mmap)
