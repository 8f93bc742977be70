"""The application: its endpoints, and a request from its body to its response."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from threading import Event

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from codelm.errors import one_line
from codelm.serving.access import AccessControl
from codelm.serving.engine import Completion
from codelm.serving.fields import Fields, read_fields
from codelm.serving.generation_request import Defaults, GenerationRequest, read_completion, read_infill
from codelm.serving.model_routes import model_routes
from codelm.serving.request_errors import RequestError, error_body, error_response, request_error_for
from codelm.serving.request_queue import Output, RequestQueue
from codelm.serving.responses import (
    CompletionResponse,
    FimResponse,
    GenerationResponse,
    InfillResponse,
    event,
)

__all__ = ["application"]

_MAX_BODY_BYTES = 8 * 2**20
"""The largest body: files of code, and other code beside."""
_BODY_SECONDS = 30
"""Time in which a body must have come."""

_CLOSE, _NO_CACHE = {"Connection": "close"}, {"Cache-Control": "no-store"}

log = logging.getLogger(__name__)


def application(
    queue: RequestQueue, defaults: Defaults, *, model: str, key: str | None, only_loopback: bool
) -> Starlette:
    """Return the application.

    Args:
        queue: The queue before the engine.
        defaults: What holds where a request does not say.
        model: The name of the model.
        key: The API key that requests must have; None for none.
        only_loopback: Whether requests must name this machine.
    """
    routes = model_routes(model, defaults)
    for path, read, form in (
        ("/v1/completions", read_completion, CompletionResponse),
        ("/v1/fim/completions", read_completion, FimResponse),
        ("/infill", read_infill, InfillResponse),
    ):
        routes.append(Route(path, _GenerationEndpoint(queue, defaults, model, read, form), methods=["POST"]))
    access = Middleware(AccessControl, key, only_loopback=only_loopback)
    return Starlette(
        routes=routes,
        middleware=[access],
        exception_handlers={HTTPException: _no_such_endpoint, Exception: _internal_error},
    )


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    """Return the response to a request for a path or with a method that there is not."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    what = f"{request.method} {request.url.path[:200]}"
    there = "POST /v1/completions, /v1/fim/completions, /infill; GET /v1/models, /health"
    return error_response(RequestError(status, f"{what}: there is no such thing here, but {there}", headers=headers))


async def _internal_error(request: Request, error: Exception) -> Response:
    """Return the response to a request at which codelm itself failed."""
    log.error("%s failed: %s", request.url.path, one_line(error))
    return error_response(request_error_for(error))


class _GenerationEndpoint:
    """An endpoint that generates text.

    Args:
        queue: The queue before the engine.
        defaults: What holds where a request does not say.
        model: The name of the model.
        read: Reads the request.
        form: The form of the response.
    """

    def __init__(
        self,
        queue: RequestQueue,
        defaults: Defaults,
        model: str,
        read: Callable[[Fields, Defaults], GenerationRequest],
        form: Callable[[GenerationRequest, str], GenerationResponse],
    ) -> None:
        self._queue = queue
        self._defaults = defaults
        self._model = model
        self._read = read
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, until its client disconnects."""
        is_disconnected, start = Event(), time.monotonic()
        try:
            request = self._read(read_fields(await _body(Request(scope, receive))), self._defaults)
        except ClientDisconnect:
            return
        except RequestError as error:
            log.info("%s refused, %d: %s", scope["path"], error.status, error)
            await error_response(error)(scope, receive, send)
            return
        reply = _Reply(self._form(request, self._model))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when_disconnected, receive, is_disconnected, tasks.cancel_scope)
            await self._send(reply, is_disconnected, scope, send)
            tasks.cancel_scope.cancel()
        log.info("%s %s, %.1f s", scope["path"], reply.outcome, time.monotonic() - start)

    async def _send(self, reply: "_Reply", is_disconnected: Event, scope: Scope, send: Send) -> None:
        """Send what the engine puts out, or why there is nothing."""
        try:
            async with self._queue.output(reply.form.request, is_disconnected) as output:
                first = await output.receive()  # before the status is sent, which says whether there is an answer
                await reply.response(first, output)(scope, _receive_nothing, send)
        except RequestError as error:
            reply.outcome = f"refused, {error.status}: {error}"
            await error_response(error)(scope, _receive_nothing, send)


class _Reply:
    """A reply made of the engine's output, and how it ended.

    Attributes:
        form: Its form.
        outcome: How it ended, in the words of the log.
    """

    def __init__(self, form: GenerationResponse) -> None:
        self.form = form
        self.outcome = "its client is gone"

    def response(self, first: Output, output: MemoryObjectReceiveStream[Output]) -> Response:
        """Return the response whose ``first`` output is there."""
        if isinstance(first, Exception):
            return error_response(self._error(first))
        if isinstance(first, Completion) and not self.form.request.stream:
            self._set_done(first)
            return JSONResponse(self.form.body(first))
        return StreamingResponse(self._events(first, output), media_type="text/event-stream", headers=_NO_CACHE)

    async def _events(self, each: Output, output: MemoryObjectReceiveStream[Output]) -> AsyncIterator[str]:
        """Yield the events of a stream."""
        while isinstance(each, str):
            yield self.form.chunk(each)
            each = await output.receive()
        if isinstance(each, Exception):
            yield event(error_body(self._error(each)))
        else:
            self._set_done(each)
            yield self.form.final_events(each)

    def _error(self, error: Exception) -> RequestError:
        """Return the error for the client, and keep the engine's for the log."""
        found = request_error_for(error)
        self.outcome = f"failed, {found.status}: {one_line(error)}"
        log.debug("the engine failed", exc_info=error)
        return found

    def _set_done(self, completion: Completion) -> None:
        self.outcome = f"{completion.completion_tokens} tokens behind {completion.prompt_tokens}"


async def _body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        RequestError: It is not JSON by its type, too large, or does not come.
        ClientDisconnect: Its client went away.
    """
    # A page of another site can send text here, but JSON only where this server would allow it to: it never does.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "send the header Content-Type: application/json")
    # The connection stays open: closed with something unread it would be reset, and many a client lose the answer.
    # uvicorn drops what is still sent on it, and `BoundedConnection` limits the time for that.
    too_large = RequestError(413, f"the body has more than {_MAX_BODY_BYTES // 2**20} MB; send less")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > _MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        with anyio.fail_after(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_BODY_BYTES:
                    raise too_large
    except TimeoutError:
        raise RequestError(408, f"the body did not come within {_BODY_SECONDS} s", headers=_CLOSE) from None
    return bytes(body)


async def _cancel_when_disconnected(receive: Receive, is_disconnected: Event, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    is_disconnected.set()
    scope.cancel()


async def _receive_nothing() -> Message:
    """Receive nothing: `_cancel_when_disconnected` does."""
    await anyio.sleep_forever()
    raise AssertionError
