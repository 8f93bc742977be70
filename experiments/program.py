"""How a program of the experiments runs: it ends cleanly on a signal, and says in one line what it was refused."""

import sys
from collections.abc import Callable

from codelm.cli.signals import Stopped, stop_signals
from codelm.errors import CodelmError

__all__ = ["run_program"]


def run_program(name: str, work: Callable[[], int]) -> int:
    """Do a program's work and return the exit status: the work's own, that of its error, or 128 and the signal."""
    with stop_signals() as received:
        try:
            return work()
        except Stopped:
            return 128 + received[0]
        except CodelmError as error:
            sys.stderr.write(f"{name}: {error}\n")
            return error.exit_status
