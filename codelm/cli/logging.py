"""Logging levels and warning filters during a run."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.utilities import rank_zero_only
from transformers.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

__all__ = ["run_logging"]

_LIBRARIES = ("lightning.pytorch", "lightning.fabric", "transformers", "peft")

_NOT_FOR_USERS = (DeprecationWarning, FutureWarning, PossibleUserWarning)
"""Warnings of one library to the authors of another, and Lightning's guesses about what was meant."""

_EXPECTED = ("The dirpath has changed", "Checkpoint directory .* exists and is not empty")
"""Lightning's warnings where a checkpoint is used outside its run, or a run is resumed in its own folder."""


@contextmanager
def _disk_errors_of_events_hidden() -> Iterator[None]:
    """Show no traceback where TensorBoard's thread cannot write: it raises the error again where events are logged."""
    show = threading.excepthook

    def hook(raised: threading.ExceptHookArgs) -> None:
        if not (isinstance(raised.exc_value, OSError) and type(raised.thread).__module__.startswith("tensorboard.")):
            show(raised)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = show


@contextmanager
def run_logging(*, quiet: bool, debug: bool) -> Iterator[None]:
    """Send codelm's messages to standard error, and only errors of its libraries; of several processes, the first's.

    Args:
        quiet: Only warnings and errors of codelm's.
        debug: All messages of codelm and of its libraries.
    """
    is_first = getattr(rank_zero_only, "rank", 0) == 0
    with warnings.catch_warnings(), ExitStack() as cleanup:
        if not debug:
            cleanup.enter_context(_disk_errors_of_events_hidden())
            for beginning in _EXPECTED:
                warnings.filterwarnings("ignore", beginning)
            for category in _NOT_FOR_USERS if is_first else [Warning]:
                warnings.simplefilter("ignore", category)
        own = logging.ERROR if not is_first else logging.WARNING if quiet else logging.INFO
        for name, level in {"codelm": own, **dict.fromkeys(_LIBRARIES, logging.ERROR)}.items():
            logger = logging.getLogger(name)
            cleanup.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG if debug else level)
        handler = logging.StreamHandler(sys.stderr)
        logging.getLogger("codelm").addHandler(handler)
        cleanup.callback(logging.getLogger("codelm").removeHandler, handler)
        # In a log each update of a bar, such as that of loading weights, is a line.
        if is_progress_bar_enabled() and (quiet or not sys.stderr.isatty()):
            disable_progress_bar()  # type: ignore[no-untyped-call]
            cleanup.callback(enable_progress_bar)
        yield
