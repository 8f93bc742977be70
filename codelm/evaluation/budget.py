"""How long an examination may take, shared out among its parts."""

import time


class Deadline:
    """A moment from which nothing new is begun.

    Args:
        seconds: From now.
    """

    def __init__(self, seconds: float) -> None:
        self.ends = time.perf_counter() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left, 0 or more."""
        return max(0.0, self.ends - time.perf_counter())

    @property
    def passed(self) -> bool:
        """Whether nothing new may be begun."""
        return self.left == 0

    def part(self, share: float) -> "Deadline":
        """Return the deadline of a part that may take this share of what is left."""
        return Deadline(share * self.left)
