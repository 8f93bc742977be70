"""Checks of repositories and processes, whether they are named by the command or by a program."""

import os
from collections.abc import Sequence

import torch
from lightning.pytorch import Trainer

from codelm.errors import InputError
from codelm.git.repository import Repository, open_repository
from codelm.history.checksums import checksums
from codelm.history.provenance import Provenance, describe
from codelm.history.store import Store

__all__ = [
    "available_cores",
    "cores_for_each",
    "open_repositories",
    "refuse_different_histories",
    "refuse_no_repository",
    "refuse_other_history",
    "refuse_other_ranks",
]


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


def refuse_other_ranks(saved: int, given: int) -> None:
    """Raise `InputError` where a checkpoint is of a training in another number of processes."""
    if saved != given:
        raise InputError(
            f"the checkpoint is of a training in {saved} processes, this is one in {given}: give "
            f"--trainer.devices {saved}, or begin a new run without --ckpt_path"
        )


def refuse_other_history(learned: Provenance, given: Provenance) -> None:
    """Raise `InputError` where a checkpoint has learned from another history than the one that is given."""
    if given != learned:
        raise InputError(
            f"the checkpoint has learned from {describe(learned)}, this is {describe(given)}: go on with the "
            "config.yaml of its run, which names the commit, or begin a new run without --ckpt_path"
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
