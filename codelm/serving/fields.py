"""The fields of a request, read from JSON with their types and ranges."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from codelm.serving.request_errors import RequestError

__all__ = ["Fields", "read_fields"]

_LONGEST_NAME = 256
"""Characters of the name of a repository or file at most."""
_MOST_STOPS, _LONGEST_STOP = 32, 256
"""Stop sequences at most, and characters of one."""


class Fields:
    """The fields of a JSON object, of which a null counts as left out.

    Its methods raise `RequestError` for a value of another type or range than they return.

    Args:
        values: The object.
        inside: The name of the field that holds the object, for messages.
    """

    def __init__(self, values: Mapping[str, Any], inside: str = "") -> None:
        self._values = values
        self._inside = inside

    def value(self, name: str) -> Any:
        """Return the value of a field as it was sent; None if there is none."""
        return self._values.get(name)

    def refuse(self, name: str, wanted: str) -> RequestError:
        """Return the error that says what a field must be."""
        try:
            given = json.dumps(self._values[name]) if name in self._values else "nothing"
        except RecursionError:  # json reads a few levels more than it writes
            given = "something nested too deeply"
        shown = given if len(given) <= 60 else f"{given[:60]}..."
        return RequestError(400, f"{self._inside}{name}: {shown} was sent; send {wanted}", field=self._inside + name)

    def text(self, name: str) -> str | None:
        """Return a text; halves of a surrogate pair, which an editor may have cut, become question marks."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.refuse(name, "a text")
        return value.encode("utf-8", "replace").decode()

    def required_text(self, name: str, wanted: str) -> str:
        """Return a text that has to be there; ``wanted`` says what it is, for the message."""
        text = self.text(name)
        if text is None:
            raise self.refuse(name, wanted)
        return text

    def name(self, name: str) -> str | None:
        """Return the name of a file or repository, which is one line of text."""
        text = self.text(name)
        if text and (len(text) > _LONGEST_NAME or any(ord(character) < ord(" ") for character in text)):
            raise self.refuse(name, f"one line of up to {_LONGEST_NAME} characters")
        return text or None

    def integer(self, name: str, default: int, least: int) -> int:
        """Return a whole number of at least ``least``."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.refuse(name, f"a whole number of {least} or more")
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Return a number from ``least`` to ``most``."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(name, f"a number from {least:g} to {most:g}")
        return float(value)

    def flag(self, name: str) -> bool:
        """Return whether a field is true."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return bool(value)

    def stop_sequences(self, name: str) -> tuple[str, ...]:
        """Return the stop sequences of a field, which holds one or a list of them."""
        value = self.value(name)
        texts = [value] if isinstance(value, str) else [] if value is None else value
        is_list = isinstance(texts, list) and len(texts) <= _MOST_STOPS
        if not is_list or not all(isinstance(text, str) and 0 < len(text) <= _LONGEST_STOP for text in texts):
            raise self.refuse(name, f"up to {_MOST_STOPS} texts, each of 1 to {_LONGEST_STOP} characters")
        return tuple(texts)

    def objects(self, name: str) -> list["Fields"]:
        """Return the objects of a list."""
        value = [] if self.value(name) is None else self.value(name)
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.refuse(name, "a list of objects")
        return [Fields(each, f"{name}[{place}].") for place, each in enumerate(value)]


def read_fields(body: bytes) -> Fields:
    """Return the fields of a request's body.

    Raises:
        RequestError: It is no JSON object, or has two fields of one name.
    """
    try:
        values = json.loads(body, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise RequestError(400, "the body is not JSON; send an object in UTF-8") from error
    if not isinstance(values, dict):
        raise RequestError(400, 'the body is JSON, but not an object; send one such as {"prompt": "fn main"}')
    return Fields(values)


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of two fields with one name, Python would take the last without a word."""
    values = dict(pairs)
    if len(values) < len(pairs):
        name = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)[:100]
        field = name.encode("utf-8", "replace").decode()
        raise RequestError(400, f"{json.dumps(name)} is there twice; send each field once", field=field)
    return values


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    """Return a number; Python would make infinity of 1e999."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large")
    return number
