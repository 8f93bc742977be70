"""Progress of a long loop: a bar on a terminal, a line now and then in a log, nothing when quiet."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

__all__ = ["show_progress"]

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 5.0
"""A line appears within ten seconds or so: it comes after an item, and a block of changes takes seconds to tokenise."""

_Item = TypeVar("_Item")


def show_progress(items: Iterable[_Item], total: int, description: str) -> Iterable[_Item]:
    """Pass ``items`` on, showing rate and remaining time; show nothing where the log level is above INFO."""
    if not log.isEnabledFor(logging.INFO):
        return items
    if sys.stderr.isatty():
        bar: Iterable[_Item] = tqdm(items, description, total, unit_scale=True, dynamic_ncols=True, leave=False)
        return bar
    return _with_lines(items, total, description)


def _with_lines(items: Iterable[_Item], total: int, description: str) -> Iterator[_Item]:
    """Pass ``items`` on and log a line at the start and every `_SECONDS_BETWEEN_LINES`."""
    started = logged = time.monotonic()
    log.info("%s: 0 of %d", description, total)
    for done, item in enumerate(items, 1):
        now = time.monotonic()
        if now - logged >= _SECONDS_BETWEEN_LINES:
            logged, rate = now, done / (now - started)
            left = tqdm.format_interval((total - done) / rate)
            log.info("%s: %d of %d, %.0f a second, %s left", description, done, total, rate, left)
        yield item
