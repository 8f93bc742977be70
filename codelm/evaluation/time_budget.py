"""The time budget of an evaluation, and the batches that fit into it."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["Item", "TimeBudget", "batches_in_time"]

Item = TypeVar("Item")


class TimeBudget:
    """Wall-clock time in seconds, which starts to run at once."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.perf_counter() + seconds

    @property
    def seconds_left(self) -> float:
        """The seconds that are left, 0 or more."""
        return max(0.0, self.ends - time.perf_counter())

    @property
    def is_over(self) -> bool:
        """Whether no time is left; work that was begun may still be finished."""
        return self.seconds_left == 0

    def share(self, fraction: float) -> "TimeBudget":
        """Return a budget of this fraction of the time that is left; it starts to run at once."""
        return TimeBudget(fraction * self.seconds_left)


def batches_in_time(items: Sequence[Item], size: int, budget: TimeBudget) -> Iterator[Sequence[Item]]:
    """Yield the items in batches of ``size`` until the time is over."""
    for start in range(0, len(items), size):
        if budget.is_over:
            return
        yield items[start : start + size]
