"""Requests that would steer the model's prompt, the server's memory or the pages of others, given to a server."""

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from codelm.bases.tokenizer import load_tokenizer
from codelm.datamodules.prompt_format import encoder_for
from codelm.inference.prompt_maker import PromptMaker
from codelm.inference.tuned_model import TunedModel
from codelm.modules import LoRA, LoRACausalLM
from codelm.serving.app import application
from codelm.serving.generation_request import Defaults
from codelm.serving.request_queue import RequestQueue
from codelm.serving.server import Server
from codelm.serving.tuned_engine import TunedEngine
from codelm.special_tokens import SPECIAL_TOKENS
from experiments.torture.asked_server import announce, post, stream
from experiments.torture.growth import with_growth
from experiments.torture.guards import taken_out
from experiments.torture.subjects import write_base

__all__ = ["requests"]

_ROW, _NAME = 512, "served"
_TOO_LARGE = 8 * 2**20 + 1
_MOST_MEGABYTES = 30
"""By which a request may let the memory grow; without a limit each character of a long line takes hundreds of bytes."""
_FINE = {"prompt": "fn a", "max_tokens": 2}
_CONTROL_TEXT = "".join(SPECIAL_TOKENS)


class _RecordingPrompts(PromptMaker):
    """Remembers the token ids of the prompt it was asked for last."""

    last: Sequence[int] = ()

    def encode(self, *arguments: Any) -> Any:
        """Return the prompts as the model reads them."""
        found = super().encode(*arguments)
        self.last = found[0].ids
        return found


@dataclass(frozen=True, slots=True)
class _Case:
    """A request that has to be refused.

    Attributes:
        name: What is odd about it.
        send: Sends it to a port, and returns status and text.
        status: The status that it has to be answered with.
        control: Returns whether it does something where the check is absent.
    """

    name: str
    send: Callable[[int], tuple[int, str]]
    status: int
    control: Callable[[int], bool]


def requests(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield what comes of each request, and whether the control shows that it does something."""
    base = str(write_base(folder / "requests", positions=_ROW))
    module = LoRACausalLM(base, quantization="none", lora=LoRA(r=2, alpha=4))
    module.configure_model()
    encoder = encoder_for(base, None, "starcoder2")
    prompts = _RecordingPrompts(encoder, base_name=base, repository="numbers", row_tokens=_ROW)
    plain = load_tokenizer(base)(_CONTROL_TEXT)["input_ids"]
    is_read = set(encoder.special_ids.values()) <= set(plain)
    with _served(TunedModel(module.eval(), prompts)) as port:
        for path, fields in _FIELDS:
            for name in fields:
                yield _steered(prompts, port, path, fields, name), is_read
        for name, send in _LONG.items():
            yield _grown(name, send, port), _grows_without_limit(send, port)
        for case in _CASES:
            status, text = case.send(port)
            wrong = _wrong(case, status, text) or _stopped(port)
            yield wrong, case.control(port)


@contextmanager
def _served(model: TunedModel) -> Iterator[int]:
    """Serve a model for a while; yield the port."""
    queue = RequestQueue(TunedEngine(model, 8), max_waiting=4)
    app = application(queue, Defaults("src/lib.rs", (_NAME,)), model=_NAME, key=None, only_loopback=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(app, queue)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.handle_exit(signal.SIGTERM, None)
            thread.join(30)


_FIELDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/completions", {"prompt": "fn a", "suffix": "}", "path": "src/a.rs", "repository": "numbers"}),
    ("/infill", {"input_prefix": "fn a", "input_suffix": "}", "prompt": "(", "filename": "src/a.rs"}),
    ("/infill", {"input_prefix": "fn a", "input_suffix": "", "input_extra": "fn a"}),
)


def _steered(prompts: _RecordingPrompts, port: int, path: str, fields: dict[str, Any], name: str) -> str:
    """Put the names of all special tokens into a field; return what went wrong, if anything."""
    found = []
    for text in ("abc", _CONTROL_TEXT):
        status, said = post(port, json.dumps(_with_extra(fields | {name: fields[name] + text})).encode(), path)
        if status != 200:
            return f"{path}, {name}: status {status}: {said[:200]}"
        found.append([each for each in prompts.last if each in prompts.encoder.special_ids.values()])
    return "" if found[0] == found[1] else f"{path}, {name}: its text became special tokens"


def _with_extra(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a request in which other code stands as llama.cpp's form has it."""
    text = fields.get("input_extra")
    extra = {"input_extra": [{"filename": f"src/{text}.rs", "text": text}]} if text else {}
    return fields | {"max_tokens": 1, "n_predict": 1} | extra


def _wrong(case: _Case, status: int, text: str) -> str:
    if status == case.status and (status == 200 or "\n" not in json.loads(text)["error"]["message"]):
        return ""
    return f"{case.name}: status {status}: {text[:200]}"


def _stopped(port: int) -> str:
    """Return what is wrong with the answer to an ordinary request that follows."""
    status, text = post(port, json.dumps(_FINE).encode())
    return "" if status == 200 else f"then status {status}: {text[:200]}"


def _grown(name: str, send: Callable[[int], tuple[int, str]], port: int) -> str:
    """Send what is far longer than a prompt; return what is wrong with the answer or the memory that it takes."""
    (status, text), grown = with_growth(lambda: send(port))
    if status != 200:
        return f"{name}: status {status}: {text[:200]}"
    return "" if grown <= _MOST_MEGABYTES else f"{name}: {grown:.0f} MB more"


def _grows_without_limit(send: Callable[[int], tuple[int, str]], port: int) -> bool:
    with taken_out("the limit of a line"):
        return with_growth(lambda: send(port))[1] > _MOST_MEGABYTES


def _body(**fields: Any) -> bytes:
    return json.dumps(_FINE | fields).encode()


def _extra(text: str) -> bytes:
    """Return a body with other code beside that around the place."""
    extra = [{"filename": "src/b.rs", "text": text}]
    return json.dumps({"input_prefix": "fn aa(", "input_suffix": "", "n_predict": 2, "input_extra": extra}).encode()


def _sends(body: bytes, path: str = "/v1/completions", **headers: str) -> Callable[[int], tuple[int, str]]:
    return lambda port: post(port, body, path, **{name.replace("_", "-"): value for name, value in headers.items()})


def _answered(guard: str, send: Callable[[int], tuple[int, str]]) -> Callable[[int], bool]:
    """Return whether a request is answered where a guard is out."""

    def answered(port: int) -> bool:
        with taken_out(guard):
            return send(port)[0] == 200

    return answered


def _is_taken(body: bytes) -> Callable[[int], bool]:
    """Return whether Python's reader of JSON takes a body, or fails at it with an error that is none of JSON's."""

    def taken(port: int) -> bool:
        try:
            return json.loads(body) is not None
        except RecursionError:
            return True

    return taken


_LINE = "fn aa " * (2**18 // 6)
_LONG = {
    "a prompt of one long line": _sends(_body(prompt=_LINE)),
    "a long line before the prompt's": _sends(_body(prompt=f"{_LINE}\nfn aa(")),
    "other code of one long line": _sends(_extra(_LINE), "/infill"),
}
"""What is far more than a prompt holds."""
_LARGE = _sends(_body(padding="x" * _TOO_LARGE))
_STREAM = partial(stream, body=_body(padding="x" * _TOO_LARGE))
_ELSEWHERE = _sends(_body(), Host="elsewhere.example:80")
_LINES = _sends(_body(path="src/a.rs\nfn b"))
_PAGE = _sends(_body(), Content_Type="text/plain")
_BODIES = {
    "not a number": b'{"prompt": "fn a", "temperature": NaN}',
    "a number beyond all": b'{"prompt": "fn a", "temperature": 1e999}',
    "100,000 lists in one another": b"[" * 100_000,
    "a list": b'["fn a"]',
    "a text": b'"fn a"',
    "a prompt that is an object": b'{"prompt": {"a": 1}}',
    "a prompt that is there twice": b'{"prompt": "fn a", "prompt": "fn b"}',
    "a truth for a number": b'{"prompt": "fn a", "max_tokens": true}',
    "a list of numbers for a prompt": b'{"prompt": [1, 2]}',
}
_CASES = (
    _Case(
        "a body announced as too large",
        partial(announce, size=_TOO_LARGE),
        413,
        _answered("the limit of a body", _LARGE),
    ),
    _Case("a body that grows too large", _STREAM, 413, _answered("the limit of a body", _STREAM)),
    _Case("a page of another host", _ELSEWHERE, 403, _answered("the check of a request's host", _ELSEWHERE)),
    _Case("a form of another page", _PAGE, 415, _is_taken(_body())),
    _Case("a path of two lines", _LINES, 400, _answered("names of one line", _LINES)),
    *(_Case(name, _sends(body), 400, _is_taken(body)) for name, body in _BODIES.items()),
)
