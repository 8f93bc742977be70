"""Connections of clients: bounded in number, and in the time that they may be silent."""

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BoundedConnection"]

_MOST = 200
"""Connections at once: a process has some hundred files, and a system without one left answers nobody."""
_SILENT_SECONDS = 30
"""Time in which the head of a request must have come."""
_UNREAD_SECONDS = 30
"""Time in which a client must have read some of an answer that the buffers have no room for."""


class BoundedConnection(H11Protocol):
    """A connection that is closed where no request comes in time, no answer is read, or others need its place.

    One with a request is closed for an unread answer alone: its body has a time limit of its own, and its answer takes
    what it takes.
    """

    _silent_for: Any = None
    _unread_for: Any = None
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
        """End the waits with the connection."""
        for wait in (self._silent_for, self._unread_for):
            if wait is not None:
                wait.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read; asyncio calls this once its buffer is full."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """End the wait: the buffer is nearly empty."""
        super().resume_writing()
        self._unread_for.cancel()

    def _wait_for_reader(self) -> None:
        """Close the connection later, unless the client has read something by then."""
        unread = self.transport.get_write_buffer_size()
        self._unread_for = self.loop.call_later(_UNREAD_SECONDS, self._abort_or_wait, unread)

    def _abort_or_wait(self, unread: int) -> None:
        if self.transport.get_write_buffer_size() < unread:
            self._wait_for_reader()
        else:
            self.transport.abort()  # to close it would wait for the reader

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
