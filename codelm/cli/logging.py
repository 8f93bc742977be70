"""Logging levels and warning filters during a run."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.warnings import PossibleUserWarning
from transformers.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

__all__ = ["run_logging"]

_LIBRARIES = ("lightning.pytorch", "lightning.fabric", "transformers", "peft")

_NOT_FOR_USERS = (DeprecationWarning, FutureWarning, PossibleUserWarning)
"""Warnings of one library to the authors of another, and Lightning's guesses about what was meant."""

_EXPECTED = ("The dirpath has changed", "Checkpoint directory .* exists and is not empty")
"""Lightning's warnings where a checkpoint is used outside its run, or a run is resumed in its own folder."""


@contextmanager
def run_logging(*, quiet: bool, debug: bool) -> Iterator[None]:
    """Send codelm's messages to standard error, and only errors of its libraries.

    Args:
        quiet: Only warnings and errors of codelm's.
        debug: All messages of codelm and of its libraries.
    """
    wanted = logging.WARNING if quiet else logging.INFO
    levels = {"codelm": wanted} | dict.fromkeys(_LIBRARIES, logging.ERROR)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    levels = dict.fromkeys(levels, logging.DEBUG) if debug else levels
    # In a log each update of a bar, such as that of loading weights, is a line.
    with warnings.catch_warnings(), _levels(levels), _progress_bars(not quiet and sys.stderr.isatty()):
        if not debug:
            for beginning in _EXPECTED:
                warnings.filterwarnings("ignore", beginning)
            for category in _NOT_FOR_USERS:
                warnings.simplefilter("ignore", category)
        logging.getLogger("codelm").addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger("codelm").removeHandler(handler)


@contextmanager
def _levels(levels: dict[str, int]) -> Iterator[None]:
    """Set the levels of loggers for a while."""
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _progress_bars(shown: bool) -> Iterator[None]:
    """Hide the progress bars of transformers for a while, unless they are to be ``shown``."""
    hide = is_progress_bar_enabled() and not shown
    if hide:
        disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if hide:
            enable_progress_bar()  # type: ignore[no-untyped-call]
