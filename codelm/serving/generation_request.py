"""A request for text, read from the forms of OpenAI, Mistral and llama.cpp."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from codelm.inference.place import Place
from codelm.serving.fields import Fields
from codelm.serving.request_errors import RequestError

__all__ = ["Defaults", "GenerationRequest", "read_completion", "read_infill", "refuse_other_model"]

_MAX_TOKENS = 128
"""Tokens at most where a client does not say: a few lines, as an editor shows them."""
_TOP_P = 0.95
_LARGEST_INTEGER = 2**63 - 1
"""Of 64 bits with a sign, which torch takes as a seed."""
_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    **{"n": (1,), "best_of": (1,), "echo": (False,), "logprobs": (), "logit_bias": ({},)},
    **{"frequency_penalty": (0,), "presence_penalty": (0,)},
}
"""Fields of OpenAI's form that are not supported and would change the answer, with what they may be beside null."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a request does not say.

    Attributes:
        path: The path of the file.
        models: Names by which clients may ask for the model.
    """

    path: str
    models: Collection[str]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request for text at a place.

    Attributes:
        place: The place.
        files: Path and text of other code that the client sends along.
        max_tokens: Tokens at most.
        temperature: 0 takes the likeliest token.
        top_p: The probability that the likeliest tokens, which are kept, have together.
        seed: Seed of the sampling; None takes another one each time.
        stop_sequences: Texts before which the answer ends.
        stream: Whether the answer is sent as it is generated.
        with_usage: Whether a stream ends with the numbers of tokens.
        seconds: Time limit from the first token on, kept once there is a line; None for none.
        response_fields: Fields of the response that are wanted, as paths; () for all.
    """

    place: Place
    files: tuple[tuple[str, str], ...] = ()
    max_tokens: int = _MAX_TOKENS
    temperature: float = 0.0
    top_p: float = _TOP_P
    seed: int | None = None
    stop_sequences: tuple[str, ...] = ()
    stream: bool = False
    with_usage: bool = False
    seconds: float | None = None
    response_fields: tuple[str, ...] = ()


def read_completion(fields: Fields, defaults: Defaults) -> GenerationRequest:
    """Return a request in OpenAI's form of completions, or Mistral's of fill-in-the-middle, which has the same fields.

    Raises:
        RequestError: A field is wrong, or asks for what is not supported.
    """
    if name := fields.text("model"):
        refuse_other_model(name, defaults)
    _refuse_unsupported(fields)
    before = _prompt(fields)
    tokens = "max_completion_tokens" if fields.value("max_tokens") is None else "max_tokens"
    path = fields.name("path") or fields.name("filename") or defaults.path
    options = fields.value("stream_options") or {}
    if not isinstance(options, dict):
        raise fields.refuse("stream_options", "an object")
    return GenerationRequest(
        Place(path, before, fields.text("suffix"), fields.name("repository")),
        max_tokens=fields.integer(tokens, _MAX_TOKENS, 0),
        temperature=fields.number("temperature", 0.0, 0, 2),
        top_p=_top_p(fields),
        seed=_seed(fields, "seed" if fields.value("random_seed") is None else "random_seed"),
        stop_sequences=fields.stop_sequences("stop"),
        stream=fields.flag("stream"),
        with_usage=Fields(options, "stream_options.").flag("include_usage"),
    )


def read_infill(fields: Fields, defaults: Defaults) -> GenerationRequest:
    """Return a request in llama.cpp's form of ``/infill``, whose ``prompt`` is the end of the text before the cursor.

    Raises:
        RequestError: A field is wrong.
    """
    prefix, suffix = (
        fields.required_text(name, "a text, which may be empty") for name in ("input_prefix", "input_suffix")
    )
    if fields.value("n") not in (None, 1) or fields.value("n_cmpl") not in (None, 1):
        raise RequestError(400, "n: one answer is written at a time; leave it out", field="n")
    path = fields.name("filename") or fields.name("path") or defaults.path
    tokens = fields.integer("n_predict", _MAX_TOKENS, -2)
    limit_ms = min(fields.integer("t_max_predict_ms", 0, -1), _LARGEST_INTEGER)  # a larger one is no float
    seed = fields.value("seed")
    wanted = fields.value("response_fields") or []
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise fields.refuse("response_fields", "a list of texts")
    return GenerationRequest(
        Place(path, prefix + (fields.text("prompt") or ""), suffix, fields.name("repository")),
        _files(fields),
        max_tokens=tokens if tokens >= 0 else _LARGEST_INTEGER,
        temperature=fields.number("temperature", 0.0, 0, 100),
        top_p=_top_p(fields),
        seed=None if seed == -1 else _seed(fields, "seed"),
        stop_sequences=fields.stop_sequences("stop"),
        stream=fields.flag("stream"),
        seconds=limit_ms / 1000 if limit_ms > 0 else None,
        response_fields=tuple(wanted),
    )


def refuse_other_model(name: str, defaults: Defaults) -> None:
    """Raise `RequestError` where another model is asked for than is served."""
    if name not in defaults.models:
        raise RequestError(404, f"no model {name[:100]!r}: here is {' or '.join(defaults.models)}", field="model")


def _prompt(fields: Fields) -> str:
    """Return the text before the cursor, which may stand alone in a list."""
    given = fields.value("prompt")
    if isinstance(given, list) and len(given) == 1:
        fields = Fields({"prompt": given[0]})
    return fields.required_text("prompt", "one text, what stands before the cursor")


def _refuse_unsupported(fields: Fields) -> None:
    """Raise `RequestError` for a field that is not supported: without it the answer would be another one."""
    for name, allowed in _UNSUPPORTED.items():
        value = fields.value(name)
        if value is not None and value not in allowed:
            raise RequestError(400, f"{name}: codelm does not have it; leave it out", field=name)


def _top_p(fields: Fields) -> float:
    """Return the probability that the kept tokens have together; 0 stands for the likeliest token alone."""
    return max(fields.number("top_p", _TOP_P, 0, 1), 1e-6)


def _seed(fields: Fields, name: str) -> int | None:
    """Return the seed, in the range that torch takes; None if there is none."""
    return None if fields.value(name) is None else fields.integer(name, 0, 0) % _LARGEST_INTEGER


def _files(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Return path and text of other code; what lacks one of them is left out."""
    found = [(each.name("filename"), each.text("text")) for each in fields.objects("input_extra")]
    return tuple((path, text) for path, text in found if path and text)
