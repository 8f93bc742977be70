"""Standard output, which a command keeps for its results: all else that is printed goes to standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TextIO

__all__ = ["print_result", "results_only", "shown_results"]

_RESULTS: ContextVar[TextIO | None] = ContextVar("results", default=None)
"""The standard output of the command that is running; None where codelm is used without its command."""


@contextmanager
def results_only() -> Iterator[None]:
    """Send what is printed to standard error, whoever prints it, but for what is printed as a result."""
    token = _RESULTS.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _RESULTS.reset(token)


@contextmanager
def shown_results() -> Iterator[None]:
    """Print results: what is printed goes to standard output."""
    with redirect_stdout(_RESULTS.get() or sys.stdout):
        yield


def print_result(text: str) -> None:
    """Print a result, at once."""
    with shown_results():
        sys.stdout.write(text)
        sys.stdout.flush()
