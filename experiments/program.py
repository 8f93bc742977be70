"""How a program of the experiments runs: it ends cleanly on a signal, and says in one line what it was refused."""

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

from codelm.errors import CodelmError
from codelm.stopping_signals import Stopped, stop_signals

__all__ = ["installed_version", "print_lines", "run_program"]


def run_program(name: str, work: Callable[[], int | None]) -> int:
    """Do a program's work and return the exit status: the work's own, its error's, 128 and the signal, else 0."""
    with stop_signals() as received:
        try:
            return work() or 0
        except Stopped:
            return 128 + received[0]
        except CodelmError as error:
            sys.stderr.write(f"{name}: {error}\n")
            return error.exit_status


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output, each as soon as it is there."""
    for line in lines:
        print(line, flush=True)


def installed_version(name: str) -> str | None:
    """Return the version of a library; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
