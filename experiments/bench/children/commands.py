"""The command ``codelm``, run whole within the process that measures it."""

import json
import logging
import os
import time
from functools import reduce
from pathlib import Path
from typing import Any

from codelm.cli import main
from experiments.bench.tasks import TaskFailedError

__all__ = ["busy_share", "first_step", "report", "run", "seconds_before"]

_COUNTS = {
    "held_out_tokens": ("likelihood", "tokens"),
    "cursor_tasks": ("cursor", "asked", "tasks"),
    "holes": ("holes", "tasks"),
    "idiom_functions": ("idioms", "asked", "functions"),
    "windows": ("memory", "windows", "train"),
}
"""Where the figures of an evaluation say how much was evaluated."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Run a command line; raise an error if its status is not 0."""
    status = main(arguments)
    if status:
        raise TaskFailedError(f"codelm {arguments[0]} ended with status {status}")
    return {}


def first_step(arguments: list[str]) -> dict[str, Any]:
    """Return the seconds from the start of this process to the end of the first training step."""
    run(arguments)
    [times] = _callbacks()
    return {"seconds": seconds_before(times.ends[0])}


def busy_share(arguments: list[str]) -> dict[str, Any]:
    """Return the share of the quiet speed that training steps have beside busy loops, in percent."""
    run(arguments)
    [times] = _callbacks()
    return {"share": times.share}


def _callbacks() -> Any:
    """Return the callbacks that the command has made."""
    from experiments.bench.children.step_times import RUNS  # the command imports lightning when it is needed

    return RUNS


def seconds_before(moment: float) -> float:
    """Return the seconds from the start of this process to a moment of the monotonic clock."""
    ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    now, since_boot = time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
    return moment - now + since_boot - ticks / os.sysconf("SC_CLK_TCK")


class _FirstLine(logging.Handler):
    """Keeps when the evaluation wrote its first line."""

    def __init__(self) -> None:
        super().__init__()
        self.moment: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the time."""
        self.moment = self.moment or time.monotonic()


def report(arguments: list[str], folder: str) -> dict[str, Any]:
    """Return the seconds from the evaluation's first line to the end of the command, and how much was evaluated.

    Args:
        arguments: The command line.
        folder: The run's folder.
    """
    first_line = _FirstLine()
    logging.getLogger("codelm.evaluation.evaluate").addHandler(first_line)
    run(arguments)
    if first_line.moment is None:
        raise TaskFailedError(f"codelm {arguments[0]} evaluated nothing")
    seconds = time.monotonic() - first_line.moment
    figures = json.loads(Path(folder, "evaluation", "figures.json").read_text(encoding="utf-8"))
    return {"seconds": seconds, **_counts(figures)}


def _counts(figures: dict[str, Any]) -> dict[str, int]:
    """Return how much was evaluated; what the figures lack is left out."""
    found: dict[str, Any] = {name: reduce(_part, path, figures) for name, path in _COUNTS.items()}
    return {name: count for name, count in found.items() if isinstance(count, int)}


def _part(found: Any, name: str) -> Any:
    """Return a part of nested dicts; None where there is none."""
    return found.get(name) if isinstance(found, dict) else None
