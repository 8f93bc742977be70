"""Who may speak during a run: codelm always, its libraries only when something is wrong."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.warnings import PossibleUserWarning
from transformers.utils.logging import disable_progress_bar

LIBRARIES = ("lightning.pytorch", "lightning.fabric", "transformers", "peft")

NOT_FOR_USERS = (DeprecationWarning, FutureWarning, PossibleUserWarning)
"""What one library says to the authors of another, and what Lightning thinks might be meant otherwise."""

EXPECTED = ("The dirpath has changed", "Checkpoint directory .* exists and is not empty")
"""What Lightning warns of where a checkpoint is used outside its run, or a run goes on in its own folder."""


@contextmanager
def voice(*, quiet: bool, debug: bool) -> Iterator[None]:
    """Let codelm's messages go to standard error, and hold back what its libraries say to programmers.

    Args:
        quiet: Only warnings.
        debug: Everything, from everybody.
    """
    if quiet or not sys.stderr.isatty():
        disable_progress_bar()  # type: ignore[no-untyped-call]  # weights being loaded; in a log each update is a line
    wanted = logging.WARNING if quiet else logging.INFO
    levels = {"codelm": wanted} | dict.fromkeys(LIBRARIES, logging.ERROR)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    with warnings.catch_warnings(), levels_set(dict.fromkeys(levels, logging.DEBUG) if debug else levels):
        if not debug:
            for beginning in EXPECTED:
                warnings.filterwarnings("ignore", beginning)
            for category in NOT_FOR_USERS:
                warnings.simplefilter("ignore", category)
        logging.getLogger("codelm").addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger("codelm").removeHandler(handler)


@contextmanager
def levels_set(levels: dict[str, int]) -> Iterator[None]:
    """Set the levels of loggers for a while."""
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
