"""How far a long loop has come: a bar on a terminal, a line now and then in a log, nothing when quiet."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from codelm.clock import clock

log = logging.getLogger(__name__)
SECONDS_BETWEEN_LINES = 5.0
"""Who waits for a line sees one within ten: a block of changes that is being tokenised cannot be interrupted."""

Item = TypeVar("Item")


def show_progress(items: Iterable[Item], total: int, description: str) -> Iterable[Item]:
    """Pass ``items`` on, showing rate and remaining time; whoever raises the log level above INFO sees nothing."""
    if not log.isEnabledFor(logging.INFO):
        return items
    if sys.stderr.isatty():
        bar: Iterable[Item] = tqdm(items, description, total, unit_scale=True, dynamic_ncols=True, leave=False)
        return bar
    return with_lines(items, total, description)


def with_lines(items: Iterable[Item], total: int, description: str) -> Iterator[Item]:
    """Pass ``items`` on and log a line at the start and every `SECONDS_BETWEEN_LINES`.

    A bar drawn into a file is a wall of returns.
    """
    started = said = time.monotonic()
    log.info("%s: 0 of %d", description, total)
    for done, item in enumerate(items, 1):
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said, rate = now, done / (now - started)
            log.info(
                "%s: %d of %d, %.0f a second, %s left", description, done, total, rate, clock((total - done) / rate)
            )
        yield item
