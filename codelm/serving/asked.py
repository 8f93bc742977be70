"""What a client asks for, read from the forms of OpenAI, Mistral and llama.cpp."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from codelm.inference.place import Place
from codelm.serving.fields import Fields
from codelm.serving.refusals import RequestError

__all__ = ["Asked", "Defaults", "read_completion", "read_infill"]

_TOKENS = 128
"""Tokens at most where a client does not say: lines, as an editor shows them."""
_TOP_P = 0.95
_LARGEST_SEED = 2**63 - 1
_FIXED: dict[str, tuple[Any, ...]] = {
    **{"n": (1,), "best_of": (1,), "echo": (False,), "logprobs": (), "logit_bias": ({},)},
    **{"frequency_penalty": (0,), "presence_penalty": (0,)},
}
"""Fields of OpenAI's form that change what is answered and are not built, with what they may be beside null."""


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
class Asked:
    """A request for text at a place.

    Attributes:
        place: The place.
        files: Path and text of other code that the client knows.
        max_tokens: Tokens at most.
        temperature: 0 takes the likeliest token.
        top_p: The share of likeliest tokens that are kept.
        seed: Decides what is drawn; None leaves it to chance.
        stops: Texts before which the answer ends.
        stream: Whether the answer is sent as it is written.
        with_usage: Whether numbers of tokens end a stream.
        seconds: Time from the first token after which the answer ends with its line; None without end.
        fields: Fields of the answer that are wanted, as paths; () for all.
    """

    place: Place
    files: tuple[tuple[str, str], ...] = ()
    max_tokens: int = _TOKENS
    temperature: float = 0.0
    top_p: float = _TOP_P
    seed: int | None = None
    stops: tuple[str, ...] = ()
    stream: bool = False
    with_usage: bool = False
    seconds: float | None = None
    fields: tuple[str, ...] = ()


def read_completion(fields: Fields, defaults: Defaults) -> Asked:
    """Return what is asked for in OpenAI's form, or Mistral's for a middle, which has the same fields.

    Raises:
        RequestError: A field is wrong, or asks for what is not built.
    """
    _refuse_other_model(fields, defaults)
    _refuse_unbuilt(fields)
    before = _prompt(fields)
    tokens = "max_completion_tokens" if fields.value("max_tokens") is None else "max_tokens"
    path = fields.name("path") or fields.name("filename") or defaults.path
    options = fields.value("stream_options") or {}
    if not isinstance(options, dict):
        raise fields.refuse("stream_options", "an object")
    return Asked(
        Place(path, before, fields.text("suffix"), fields.name("repository")),
        max_tokens=fields.integer(tokens, _TOKENS, 0),
        temperature=fields.number("temperature", 0.0, 0, 2),
        top_p=_top_p(fields),
        seed=_seed(fields, "seed" if fields.value("random_seed") is None else "random_seed"),
        stops=fields.stops("stop"),
        stream=fields.flag("stream"),
        with_usage=Fields(options, "stream_options.").flag("include_usage"),
    )


def read_infill(fields: Fields, defaults: Defaults) -> Asked:
    """Return what is asked for in llama.cpp's form of ``/infill``; its ``prompt`` is what stands before the cursor.

    Raises:
        RequestError: A field is wrong.
    """
    prefix, suffix = fields.text("input_prefix"), fields.text("input_suffix")
    for name, text in (("input_prefix", prefix), ("input_suffix", suffix)):
        if text is None:
            raise fields.refuse(name, "a text, which may be empty")
    if fields.value("n") not in (None, 1) or fields.value("n_cmpl") not in (None, 1):
        raise RequestError(400, "n: one answer is written at a time; leave it out", field="n")
    path = fields.name("filename") or fields.name("path") or defaults.path
    tokens = fields.integer("n_predict", _TOKENS, -2)
    most_ms = fields.integer("t_max_predict_ms", 0, -1)
    seed = fields.value("seed")
    wanted = fields.value("response_fields") or []
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise fields.refuse("response_fields", "a list of texts")
    return Asked(
        Place(path, (prefix or "") + (fields.text("prompt") or ""), suffix, fields.name("repository")),
        _files(fields),
        max_tokens=tokens if tokens >= 0 else _LARGEST_SEED,
        temperature=fields.number("temperature", 0.0, 0, 100),
        top_p=_top_p(fields),
        seed=None if seed == -1 else _seed(fields, "seed"),
        stops=fields.stops("stop"),
        stream=fields.flag("stream"),
        seconds=most_ms / 1000 if most_ms > 0 else None,
        fields=tuple(wanted),
    )


def _prompt(fields: Fields) -> str:
    """Return the text before the cursor, which may be the one text of a list."""
    given = fields.value("prompt")
    if isinstance(given, list) and len(given) == 1:
        fields = Fields({"prompt": given[0]})
    text = fields.text("prompt")
    if text is None:
        raise fields.refuse("prompt", "one text, what stands before the cursor")
    return text


def _refuse_other_model(fields: Fields, defaults: Defaults) -> None:
    """Raise `RequestError` where another model is asked for than is served."""
    name = fields.text("model")
    if name and name not in defaults.models:
        raise RequestError(404, f"no model {name[:100]!r}: here is {' or '.join(defaults.models)}", field="model")


def _refuse_unbuilt(fields: Fields) -> None:
    """Raise `RequestError` for a field whose meaning is not built: an answer that ignores it would be another one."""
    for name, allowed in _FIXED.items():
        value = fields.value(name)
        if value is not None and value not in allowed:
            raise RequestError(400, f"{name}: codelm does not have it; leave it out", field=name)


def _top_p(fields: Fields) -> float:
    """Return the share of likeliest tokens that are kept; 0 stands for the likeliest alone."""
    return max(fields.number("top_p", _TOP_P, 0, 1), 1e-6)


def _seed(fields: Fields, name: str) -> int | None:
    """Return what decides what is drawn; torch takes 64 bits."""
    return None if fields.value(name) is None else fields.integer(name, 0, 0) % _LARGEST_SEED


def _files(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Return path and text of other code, of what has both."""
    found = [(each.name("filename"), each.text("text")) for each in fields.objects("input_extra")]
    return tuple((path, text) for path, text in found if path and text)
