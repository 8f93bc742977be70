"""The queue of requests before an engine that generates one text at a time."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event

import anyio
from anyio import from_thread, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from codelm.serving.engine import Completion, Engine
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.request_errors import RequestError

__all__ = ["Output", "RequestQueue"]

Output = str | Completion | Exception
"""A chunk of a text; or, as the last output, the whole of it, or the error of the engine."""


class RequestQueue:
    """Runs an engine for one request after another, in the order in which they came.

    Args:
        engine: The engine.
        max_waiting: Requests that may wait for the one that runs.
    """

    def __init__(self, engine: Engine, max_waiting: int) -> None:
        self._engine = engine
        self._max_waiting = max_waiting
        self._turn = anyio.Semaphore(1)  # no lock: the task of a request takes its turn, that of its text gives it back
        self._thread = anyio.CapacityLimiter(1)  # one thread all the time: torch keeps threads of its own for each
        self._is_closed = False  # no lock, at which a handler of a signal could wait for the code that it interrupts

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return self._turn.statistics().tasks_waiting

    def close(self) -> None:
        """End all texts at their next token; may be called from a handler of a signal."""
        self._is_closed = True

    @asynccontextmanager
    async def output(
        self, request: GenerationRequest, is_disconnected: Event
    ) -> AsyncIterator[MemoryObjectReceiveStream[Output]]:
        """Give a stream of what the engine puts out for a request, once it is its turn.

        Args:
            request: The request.
            is_disconnected: Set once the client is gone, before its task is cancelled, which waits for the thread.

        Raises:
            RequestError: Too many requests wait.
        """
        if not self._turn.value and self.waiting >= self._max_waiting:
            message = f"{self._max_waiting} requests wait already; try again"
            raise RequestError(503, message, headers={"Retry-After": "1"})
        await self._turn.acquire()
        async with anyio.create_task_group() as tasks:
            send, receive = anyio.create_memory_object_stream[Output](math.inf)
            is_over = Event()
            tasks.start_soon(self._run, request, lambda: is_disconnected.is_set() or is_over.is_set(), send)
            with receive:
                try:
                    yield receive
                finally:
                    is_over.set()

    async def _run(
        self, request: GenerationRequest, is_cancelled: Callable[[], bool], send: MemoryObjectSendStream[Output]
    ) -> None:
        """Run the engine in its thread, send its output, and end the turn: a client may be slow to read the rest."""

        def emit(text: str) -> None:
            if request.stream and not is_cancelled():
                from_thread.run_sync(send.send_nowait, text)

        try:
            with send:
                last = await to_thread.run_sync(self._result, request, emit, is_cancelled, limiter=self._thread)
                if not is_cancelled():
                    send.send_nowait(last)
        finally:
            self._turn.release()

    def _result(
        self, request: GenerationRequest, emit: Callable[[str], None], is_cancelled: Callable[[], bool]
    ) -> Completion | Exception:
        """Return the whole text; or the error, of whatever kind, with which this request fails alone."""
        try:
            completion = self._engine.generate(request, emit, lambda: is_cancelled() or self._is_closed)
        except Exception as error:
            return error
        if self._is_closed and completion.stop_type == "limit":  # a client would take what there is for all of it
            return RequestError(503, "the server was ended while it wrote; ask again once it is back")
        return completion
