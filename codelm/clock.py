"""Durations and times, written down."""

from datetime import UTC, datetime


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    >>> clock(75.3), clock(3675), clock(float("inf"))
    ('1:15', '1:01:15', '?')
    """
    if not 0 <= seconds < float("inf"):
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def now() -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
