"""Checks of the data settings, whether they come from the command or from a program."""

import math
import os
from collections.abc import Sequence

import torch
from lightning.pytorch import Trainer

from codelm.errors import InputError
from codelm.git.repository import Repository, open_repository
from codelm.history.checksums import checksums
from codelm.history.store import Store

__all__ = [
    "available_cores",
    "cores_for_each",
    "open_repositories",
    "refuse_different_histories",
    "refuse_invalid_shares",
    "refuse_no_repository",
    "refuse_too_small",
]

_LEAST = {
    "sequence_length": 2,  # the first token of a row has nothing before it to be learned from
    "batch_size": 1,
    "max_commits": 0,
    "curriculum_epochs": 0,
    "seed": 0,
    "num_workers": 0,
}
"""The smallest value of each setting that has no largest one."""


def available_cores() -> int:
    """Return on how many cores this process may run, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cores_for_each(processes: int) -> int:
    """Return on how many cores each of so many processes of this machine may run, at least 1.

    Slurm gives each task that it starts cores of its own, and says how many.
    """
    of_task = os.environ.get("SLURM_CPUS_PER_TASK") if "SLURM_STEP_ID" in os.environ else None
    return int(of_task) if of_task else max(1, available_cores() // processes)


def refuse_too_small(**given: float | None) -> None:
    """Raise `InputError` if a setting is below its value in `_LEAST` or not finite; None passes."""
    for name, value in given.items():
        if value is not None and not _LEAST[name] <= value < math.inf:
            raise InputError(f"data.{name} is {value}: give {_LEAST[name]} or more")


def refuse_invalid_shares(*, context_weight: float, held_out: float) -> None:
    """Raise `InputError` if one of the two is out of its range."""
    if not 0 <= context_weight <= 1:
        raise InputError(f"data.context_weight is {context_weight}: give a weight from 0 to 1, such as 0.1")
    if not 0 < held_out < 1:
        raise InputError(f"data.held_out is {held_out}: give a share between 0 and 1, such as 0.1")


def refuse_no_repository(paths: Sequence[str]) -> None:
    """Raise `InputError` if no repository is named."""
    if not paths:
        raise InputError("data.repo is an empty list: give the folder of a git repository, or several")


def refuse_different_histories(trainer: Trainer, store: Store) -> None:
    """Raise `InputError`, in all processes of a run, where they have not opened stores of the same samples."""
    if trainer.world_size == 1:
        return
    own = [store.folder.name, *checksums(store.folder, ("tokens.bin", "roles.bin", "samples.npy"))]
    is_other = trainer.strategy.broadcast(own) != own
    if trainer.strategy.reduce(torch.tensor(float(is_other), device=trainer.strategy.root_device), reduce_op="sum"):
        raise InputError(
            "the processes of the run have read different histories: give all machines the same clone, or the same "
            "commit as data.revision, and the same versions of codelm and the tokenizer"
        )


def open_repositories(paths: Sequence[str], revision: str) -> list[Repository]:
    """Open the repositories at ``paths``, each at ``revision``; refuse an empty list, and one repository twice."""
    refuse_no_repository(paths)
    opened = [open_repository(path, revision) for path in paths]
    first: dict[str, str] = {}
    for path, repository in zip(paths, opened, strict=True):
        objects = os.path.realpath(repository.objects)
        if objects in first:
            raise InputError(f"data.repo names one repository twice, as {first[objects]} and {path}: name it once")
        first[objects] = path
    return opened
