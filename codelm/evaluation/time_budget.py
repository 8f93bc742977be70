"""The time budget of an evaluation."""

import time

__all__ = ["OutOfTimeError", "TimeBudget"]


class OutOfTimeError(Exception):
    """A time budget ended in the middle of some work, which is dropped."""


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
        """Whether no time is left."""
        return self.seconds_left == 0

    def check(self) -> None:
        """Go on only while there is time.

        Raises:
            OutOfTimeError: No time is left.
        """
        if self.is_over:
            raise OutOfTimeError

    def share(self, fraction: float) -> "TimeBudget":
        """Return a budget of this fraction of the time that is left; it starts to run at once."""
        return TimeBudget(fraction * self.seconds_left)
