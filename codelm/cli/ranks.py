"""A process's part in a data parallel run: the first starts the others and decides for all of them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, SingleDeviceStrategy

from codelm.cli.other_ranks import FIRST_PROCESS, OtherRanks
from codelm.datamodules.checks import available_cores
from codelm.errors import InputError
from codelm.lightning_internals import leave_sigterm_alone, starts_programs
from codelm.stopping_signals import STOPPING, may_set_handlers

__all__ = ["all_ranks"]

_PATIENCE = 10.0
"""Seconds for which a failed process waits to be ended by the first one, which most likely has failed alike."""

_PATIENCE_WITH_STOPPED = 30.0
"""Seconds for which it waits where the first one was told to stop."""


@contextmanager
def all_ranks(trainer: Trainer, arguments: Sequence[str]) -> Iterator[None]:
    """Have all processes of a data parallel run, and let them end together; a run of one process has no others.

    Those of a launcher, such as torchrun or Slurm, are there already.

    Args:
        trainer: Knows how many processes there are, and which this is.
        arguments: The command line of the others.

    Raises:
        InputError: The strategy is not data parallel, or starts processes that are no programs of their own, or on a
            CPU more of them than there are cores, or nobody has started those on other machines.
        CodelmError: Another process has failed.
    """
    _refuse_other_strategies(trainer)
    if trainer.world_size == 1:
        yield
        return
    leave_sigterm_alone(trainer)
    environment: Any = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
    if not environment.creates_processes_externally:
        _refuse_several_nodes(trainer)
        _refuse_more_than_cores(trainer)
        with OtherRanks(trainer).started(arguments, environment.main_address, environment.main_port):
            yield
    elif trainer.is_global_zero:
        yield
    else:
        with _following_the_first():
            yield


def _refuse_other_strategies(trainer: Trainer) -> None:
    strategy = trainer.strategy
    if isinstance(strategy, DDPStrategy) and not isinstance(strategy, DeepSpeedStrategy):
        if starts_programs(strategy):
            return
    elif isinstance(strategy, SingleDeviceStrategy):
        return
    raise InputError(
        f"trainer.strategy is {type(strategy).__name__} with processes that codelm cannot start or whose weights it "
        "cannot save: give ddp, or --trainer.devices 1"
    )


def _refuse_several_nodes(trainer: Trainer) -> None:
    if trainer.num_nodes > 1:
        raise InputError(
            f"trainer.num_nodes is {trainer.num_nodes}, and codelm starts processes on its own machine alone: start it "
            "on each with torchrun or srun"
        )


def _refuse_more_than_cores(trainer: Trainer) -> None:
    """Raise `InputError` where processes would share cores: each holds the base, and together they are no faster."""
    given, cores = trainer.num_devices, available_cores()
    if trainer.strategy.root_device.type == "cpu" and given > cores:
        raise InputError(
            f"trainer.devices is {given}, processes on a CPU that lends {cores} core{'s' if cores > 1 else ''}: "
            f"give {cores} or fewer"
        )


@contextmanager
def _following_the_first() -> Iterator[None]:
    """Leave it to the first process to stop on a signal and to say what went wrong, and end where it ends.

    A process that stopped by itself would break the first one's collective before that could save anything.
    """
    first = int(os.environ.get(FIRST_PROCESS, "0"))  # 0 where a launcher has started all
    if first:
        threading.Thread(target=_end_with, args=(first,), daemon=True).start()
    came: list[int] = []
    with ExitStack() as cleanup:
        for number in STOPPING if may_set_handlers() else ():
            if callable(signal.getsignal(number)):  # a caller may have it ignored
                cleanup.callback(signal.signal, number, signal.signal(number, partial(_pass_on, first, came)))
        try:
            yield
        except Exception:
            stopped = came[:1]
            _let_the_first_end(came)
            if stopped and not first:  # a launcher sends a signal to all: this process has not failed
                cleanup.close()
                signal.raise_signal(stopped[0])
            raise


def _let_the_first_end(came: Sequence[int]) -> None:
    """Wait: a launcher may end all processes once one has ended, and the first one may have files to write.

    Args:
        came: The signals that have come; with one more, this process is to end as well.
    """
    until = time.monotonic() + (_PATIENCE_WITH_STOPPED if came else _PATIENCE)
    before = len(came)
    while time.monotonic() < until and len(came) == before:
        time.sleep(0.1)


def _pass_on(first: int, came: list[int], number: int, frame: FrameType | None) -> None:
    """Remember a signal, and send it on to the first process, if that has started this one and is still there."""
    came.append(number)
    if first and os.getppid() == first:
        os.kill(first, number)


def _end_with(first: int) -> None:
    """End this process once the first one is gone: it may wait for it in a collective."""
    while os.getppid() == first:
        time.sleep(0.5)
    if os.environ["LOCAL_RANK"] == "1":
        sys.stderr.write(
            "codelm: error: the first process of the run was killed; go on with --ckpt_path last, if it was written\n"
        )
        sys.stderr.flush()
    os._exit(1)
