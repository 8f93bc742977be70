"""Refusals of a job of Slurm whose tasks are not the processes of the run, which would wait for one another."""

import os

from lightning.pytorch import Trainer
from torch.distributed import is_torchelastic_launched

from codelm.errors import InputError

__all__ = ["refuse_other_tasks", "refuse_uncounted_tasks"]

_INTERACTIVE = ("bash", "interactive")
"""Names of jobs in which Lightning leaves Slurm alone, as a user types there."""


def refuse_uncounted_tasks() -> None:
    """Raise `InputError` where a job does not say how many tasks each node has: Lightning refuses it."""
    if _decides() and _tasks() > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise InputError(
            f"the job of Slurm has {_tasks()} tasks, and does not say how many on each node: give sbatch or srun "
            "--ntasks-per-node in place of --ntasks"
        )


def refuse_other_tasks(trainer: Trainer) -> None:
    """Raise `InputError` where the tasks of a job are others than the processes that a trainer knows of."""
    processes = trainer.num_devices * trainer.num_nodes  # the trainer's world_size is Slurm's number, too
    if not _decides() or processes == _tasks() == 1:
        return
    if "SLURM_STEP_ID" not in os.environ:  # the batch script itself, which has the variables of a task
        if processes > 1:
            raise InputError("Slurm starts the processes of a job by srun: write srun codelm in the batch script")
        return
    nodes = int(os.environ.get("SLURM_NNODES", "1"))
    given, there = (trainer.num_devices, trainer.num_nodes), (_tasks() // nodes, nodes)
    if given != there:
        settings, tasks = (f"--trainer.devices {each[0]} --trainer.num_nodes {each[1]}" for each in (given, there))
        raise InputError(f"Slurm has started other processes than those of {settings}: give {tasks}")


def _decides() -> bool:
    """Return whether Lightning asks Slurm for a process's number: in a job with tasks, unless torchrun started it."""
    is_interactive = os.environ.get("SLURM_JOB_NAME") in _INTERACTIVE
    return "SLURM_NTASKS" in os.environ and not is_interactive and not is_torchelastic_launched()


def _tasks() -> int:
    return int(os.environ["SLURM_NTASKS"])
