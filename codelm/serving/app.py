"""The application: its paths, and a request from its body to its answer."""

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
from codelm.serving.answers import Answer, CompletionAnswer, InfillAnswer, MiddleAnswer, event, model_list
from codelm.serving.asked import Asked, Defaults, read_completion, read_infill
from codelm.serving.engine import Written
from codelm.serving.fields import Fields, fields_of
from codelm.serving.guard import Guard, refused
from codelm.serving.refusals import RequestError, error_body, refusal_of
from codelm.serving.turns import Piece, Turns

__all__ = ["application"]

_MOST_BYTES = 8 * 2**20
"""The largest body: files of code, and other code beside."""
_BODY_SECONDS = 30
"""Time in which a body must have come."""

_CLOSE, _NOT_KEPT = {"Connection": "close"}, {"Cache-Control": "no-store"}

log = logging.getLogger(__name__)


def application(turns: Turns, defaults: Defaults, *, model: str, key: str | None, only_loopback: bool) -> Starlette:
    """Return the application.

    Args:
        turns: The turns at the engine.
        defaults: What holds where a request does not say.
        model: The name of the model.
        key: The key that requests must have; None for none.
        only_loopback: Whether requests must name this machine.
    """
    created = int(time.time())

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def models(request: Request) -> Response:
        return JSONResponse(model_list(model, created))

    routes = [Route("/health", health), Route("/v1/models", models), Route("/models", models)]
    for path, read, form in (
        ("/v1/completions", read_completion, CompletionAnswer),
        ("/v1/fim/completions", read_completion, MiddleAnswer),
        ("/infill", read_infill, InfillAnswer),
    ):
        routes.append(Route(path, _Writing(turns, defaults, model, read, form), methods=["POST"]))
    guard = Middleware(Guard, key, only_loopback=only_loopback)
    return Starlette(
        routes=routes, middleware=[guard], exception_handlers={HTTPException: _not_here, Exception: _failed}
    )


async def _not_here(request: Request, error: Exception) -> Response:
    """Answer a request for a path or with a method that there is not."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    what = f"{request.method} {request.url.path[:200]}"
    there = "POST /v1/completions, /v1/fim/completions, /infill; GET /v1/models, /health"
    return refused(RequestError(status, f"{what}: there is no such thing here, but {there}", headers=headers))


class _Writing:
    """A path at which text is written.

    Args:
        turns: The turns at the engine.
        defaults: What holds where a request does not say.
        model: The name of the model.
        read: Reads what is asked for.
        form: The form of the answer.
    """

    def __init__(
        self,
        turns: Turns,
        defaults: Defaults,
        model: str,
        read: Callable[[Fields, Defaults], Asked],
        form: Callable[[Asked, str], Answer],
    ) -> None:
        self._turns = turns
        self._defaults = defaults
        self._model = model
        self._read = read
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, until its client goes away."""
        is_gone, start = Event(), time.monotonic()
        try:
            asked = self._read(fields_of(await _body(Request(scope, receive))), self._defaults)
        except ClientDisconnect:
            return
        except RequestError as error:
            log.info("%s refused, %d: %s", scope["path"], error.status, error)
            await refused(error)(scope, receive, send)
            return
        sent = _Sent(self._form(asked, self._model))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watch, receive, is_gone, tasks.cancel_scope)
            await self._answer(sent, is_gone, scope, send)
            tasks.cancel_scope.cancel()
        log.info("%s %s, %.1f s", scope["path"], sent.ended, time.monotonic() - start)

    async def _answer(self, sent: "_Sent", is_gone: Event, scope: Scope, send: Send) -> None:
        """Send what is written, or why nothing is."""
        try:
            async with self._turns.pieces(sent.answer.asked, is_gone) as pieces:
                first = await pieces.receive()  # before the status is sent, which says whether there is an answer
                await sent.response(first, pieces)(scope, _silence, send)
        except RequestError as error:
            sent.ended = f"refused, {error.status}: {error}"
            await refused(error)(scope, _silence, send)


class _Sent:
    """An answer that is sent.

    Attributes:
        answer: Its form.
        ended: In words, how it ended.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.ended = "its client is gone"

    def response(self, first: Piece, pieces: MemoryObjectReceiveStream[Piece]) -> Response:
        """Return the response whose first piece is there."""
        if isinstance(first, Exception):
            return refused(self._failed(first))
        if isinstance(first, Written) and not self.answer.asked.stream:
            self._count(first)
            return JSONResponse(self.answer.whole(first))
        return StreamingResponse(self._events(first, pieces), media_type="text/event-stream", headers=_NOT_KEPT)

    async def _events(self, piece: Piece, pieces: MemoryObjectReceiveStream[Piece]) -> AsyncIterator[str]:
        """Yield the events of a stream."""
        while isinstance(piece, str):
            yield self.answer.piece(piece)
            piece = await pieces.receive()
        if isinstance(piece, Exception):
            yield event(error_body(self._failed(piece)))
        else:
            self._count(piece)
            yield self.answer.last(piece)

    def _failed(self, error: Exception) -> RequestError:
        refusal = refusal_of(error)
        self.ended = f"failed, {refusal.status}: {one_line(error)}"
        log.debug("the engine failed", exc_info=error)
        return refusal

    def _count(self, written: Written) -> None:
        self.ended = f"{written.tokens} tokens behind {written.prompt_tokens}"


async def _body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        RequestError: It is not JSON by its type, too large, or does not come.
        ClientDisconnect: Its client went away.
    """
    # A page of a stranger can send text here, but JSON only where this server would allow it to: it never does.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "send the header Content-Type: application/json", headers=_CLOSE)
    too_large = RequestError(413, f"the body has more than {_MOST_BYTES // 2**20} MB; send less", headers=_CLOSE)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > _MOST_BYTES:
        raise too_large
    body = bytearray()
    try:
        with anyio.fail_after(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise too_large
    except TimeoutError:
        raise RequestError(408, f"the body did not come within {_BODY_SECONDS} s", headers=_CLOSE) from None
    return bytes(body)


async def _watch(receive: Receive, is_gone: Event, scope: anyio.CancelScope) -> None:
    """Cancel a request once its client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    is_gone.set()
    scope.cancel()


async def _silence() -> Message:
    """Receive nothing: `_watch` does."""
    await anyio.sleep_forever()
    raise AssertionError


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a request at which codelm itself failed."""
    log.error("%s failed: %s", request.url.path, one_line(error))
    return refused(refusal_of(error))
