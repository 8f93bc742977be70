"""Turns of requests at an engine that writes one text at a time."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event

import anyio
from anyio import from_thread, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from codelm.serving.asked import Asked
from codelm.serving.engine import Engine, Written
from codelm.serving.refusals import RequestError

__all__ = ["Piece", "Turns"]

Piece = str | Written | Exception
"""A piece of a text; or, as the last one, what was written, or the error of the engine."""


class Turns:
    """Lets requests have their texts in the order in which they came.

    Args:
        engine: The engine.
        waiting: Requests that may wait.
    """

    def __init__(self, engine: Engine, waiting: int) -> None:
        self._engine = engine
        self._waiting = waiting
        self._inside = 0
        self._turn = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)  # one thread all the time: torch keeps threads of its own for each
        self._is_closed = False  # no lock, at which a handler of a signal could wait for the code that it interrupts

    def close(self) -> None:
        """End all texts at their next token; may be called from a handler of a signal."""
        self._is_closed = True

    @asynccontextmanager
    async def pieces(self, asked: Asked, is_gone: Event) -> AsyncIterator[MemoryObjectReceiveStream[Piece]]:
        """Give what is written for a request, once it is its turn.

        Args:
            asked: The request.
            is_gone: Set once the client is gone, before its task is cancelled, which waits for the thread.

        Raises:
            RequestError: Too many requests wait.
        """
        if self._inside > self._waiting:
            raise RequestError(503, f"{self._waiting} requests wait already; try again", headers={"Retry-After": "1"})
        self._inside += 1
        try:
            async with self._turn, anyio.create_task_group() as tasks:
                send, receive = anyio.create_memory_object_stream[Piece](math.inf)
                is_over = Event()
                tasks.start_soon(self._write, asked, lambda: is_gone.is_set() or is_over.is_set(), send)
                with receive:
                    try:
                        yield receive
                    finally:
                        is_over.set()
        finally:
            self._inside -= 1

    async def _write(self, asked: Asked, is_over: Callable[[], bool], send: MemoryObjectSendStream[Piece]) -> None:
        """Have a text written in a thread, and send its pieces."""

        def show(text: str) -> None:
            if asked.stream and not is_over():
                from_thread.run_sync(send.send_nowait, text)

        with send:
            last = await to_thread.run_sync(self._result, asked, show, is_over, limiter=self._thread)
            if not is_over():
                send.send_nowait(last)

    def _result(self, asked: Asked, show: Callable[[str], None], is_over: Callable[[], bool]) -> Piece:
        """Return what was written; or the error, of whatever kind, with which this request fails alone."""
        try:
            return self._engine.write(asked, show, lambda: is_over() or self._is_closed)
        except Exception as error:
            return error
