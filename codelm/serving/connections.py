"""Connections of clients: bounded in number, and in the time that they may be silent."""

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BoundedConnection"]

_MOST = 200
"""Connections at once: a process has some hundred files, and a system without one left answers nobody."""
_SILENT_SECONDS = 30
"""Time in which the head of a request must have come."""


class BoundedConnection(H11Protocol):
    """A connection that is closed where no request comes in time, or others need its place.

    One with a request is never closed so: its body has a time limit of its own, and its answer takes what it takes.
    """

    _silent_for: Any = None
    _opened = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begin, and give the place of the one that has been silent longest to this one if there are too many."""
        super().connection_made(transport)
        self._opened = self.loop.time()
        self._wait(None)
        others = [each for each in self.connections if isinstance(each, BoundedConnection) and each._is_open(self)]
        silent = [each for each in others if each._is_silent()]
        if len(others) >= _MOST and silent:
            min(silent, key=lambda each: each._opened)._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait with the connection."""
        if self._silent_for is not None:
            self._silent_for.cancel()
        super().connection_lost(exc)

    def _wait(self, last: Any) -> None:
        """Close the connection later, unless it has another request than the ``last`` by then."""
        self._silent_for = self.loop.call_later(_SILENT_SECONDS, self._close_or_wait, last)

    def _close_or_wait(self, last: Any) -> None:
        if self._is_silent() and self.cycle is last:
            self._close()
        else:
            self._wait(self.cycle)

    def _is_silent(self) -> bool:
        """Return whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _is_open(self, new: "BoundedConnection") -> bool:
        """Return whether this is another connection than a new one, and not about to be closed."""
        return self is not new and not self.transport.is_closing()

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
