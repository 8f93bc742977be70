"""Errors of the parser and of Lightning, in one line and in the user's words."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "explain", "lightning_message"]

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": 'a list, such as ["a", "b"]',
    "Sequence": 'a list, such as ["a", "b"]',
    "dict": "a mapping",
    "NoneType": "null",
    "PositiveInt": "a whole number above 0",
    "PositiveFloat": "a number above 0",
    "NonNegativeInt": "a whole number of 0 or more",
    "NonNegativeFloat": "a number of 0 or more",
    "ClosedUnitInterval": "a number from 0 to 1",
}
_OUT_OF_RANGE = re.compile(r"Not of type (\w+): (?:(\S+) (?:does not conform|not an? )|.*: '(.*)')")
"""jsonargparse's message about a number that is none, or not in its range."""

_PARSER = (
    (
        r"Importing '(\S+)' is not allowed",
        r"\1 is code from outside codelm that runs when a config names it; read it, then give --allow_code",
    ),
    (r"^unrecognized arguments: ([^-\s]\S*)", r"unexpected '\1': settings are given as --name value"),
    (r'^Linked "(.+)" must be given via "(.+)"', r"\1 follows \2; give \2 instead"),
    # jsonargparse's message for a linked setting whose type is a union, which cannot be called to refuse it
    (r"^argument (\S+) --> (\S+): .* is not callable", r"\2 follows \1; give \1 instead"),
)
"""Messages of jsonargparse, and what they mean in the user's words."""

_LIGHTNING = (
    (r"No supported gpu backend found", "trainer.accelerator gpu: no GPU was found; leave it at auto or give cpu"),
    (
        r"`(\w+)Accelerator` can not run",
        r"trainer.accelerator \1: no such device was found; leave it at auto or give cpu",
    ),
    (
        r"argument after \*\* must be a mapping",
        "a config gives one value where several settings belong; name them, as in model: {lora: {r: 16}}",
    ),
    (r"`Timer\(duration='(.*?)'\)`", r'trainer.max_time: "\1" is no duration; write DD:HH:MM:SS'),
)
"""Messages of Lightning about its settings, and what they mean in the user's words."""

_MIN_SIMILARITY = 0.65
"""The similarity, from 0 to 1, above which a name may have been meant: "fti" and "fit" have 0.67."""


def explain(message: str, known: Iterable[str]) -> str:
    """Return the parser's ``message`` as one line, with the nearest of the ``known`` settings where a name is wrong."""
    for pattern, meaning in _PARSER:
        if found := re.search(pattern, message):
            return found.expand(meaning)
    if found := re.match(r"unrecognized arguments: -+([^\s=]+)", message):
        return f"unknown setting --{found[1]}{did_you_mean(found[1], known, prefix='--')}"
    if found := re.search(r"does not accept option '(.+)'", message):
        return f"unknown setting {found[1]}{did_you_mean(found[1], known)}"
    if found := re.match(r'Parser key "(.+?)":(.*)', message, re.DOTALL):
        return _wrong_value(found[1], found[2], known)
    return _one_line(message)


def _wrong_value(key: str, details: str, known: Iterable[str]) -> str:
    """Return the message for a value that setting ``key`` does not take."""
    if found := re.search(r"Unable to load config '(.+?)'", details):
        below = [name for name in known if name.startswith(f"{key}.")]
        switch = f"{key}.enabled {found[1]}" if f"{key}.enabled" in below else f"{below[0] if below else key} and so on"
        return f'{key}: "{found[1]}" is no file of settings; give them by name, as --{switch}'
    if found := re.search(r"class_path '(.+?)':\s+Option '(.+?)' is not accepted", details):
        return f"{key}: {found[1].rpartition('.')[2]} has no setting {found[2]}"
    if found := _OUT_OF_RANGE.search(details):
        return f'{key}: "{found[2] or found[3]}" is not {_kind(found[1])}'
    value = re.search(r"(?:Given value|Got value): (.*)", details)
    types = re.findall(r"Expected an? (.+?)(?:\. Got value.*)?$", details, re.MULTILINE)
    wanted = list(dict.fromkeys(map(_kind, types)))
    if value is None or not wanted:
        return f"{key}: {_one_line(details)}"
    return f'{key}: "{value[1].strip()}" is not {" or ".join(wanted)}'


def _kind(text: str) -> str:
    """Return the parser's name for a type in words."""
    if found := re.search(r"Literal\[(.*)\]", text):
        return f"one of {found[1]}"
    name = re.sub(r"<class '(.*)'>", r"\1", text).rpartition(".")[2]
    return _KINDS.get(name, name)


def lightning_message(text: str) -> str:
    """Return why Lightning refused a setting, in one line."""
    for pattern, meaning in _LIGHTNING:
        if found := re.search(pattern, text):
            return found.expand(meaning)
    return _one_line(text)


def _one_line(text: str) -> str:
    """Return ``text`` on one line, cut to 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:300]} ..."


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return ``": did you mean ...?"`` with the known name most like ``word``, or nothing where none is alike.

    Dotted names are compared whole, then by their last parts.
    """
    names = list(known)
    by_last_part = {name.rpartition(".")[2]: name for name in reversed(names)}
    whole = get_close_matches(word, names, n=1, cutoff=_MIN_SIMILARITY)
    last = get_close_matches(word.rpartition(".")[2], by_last_part, n=1, cutoff=_MIN_SIMILARITY)
    guess = whole[0] if whole else by_last_part[last[0]] if last else None
    return f": did you mean {prefix}{guess}?" if guess else ""
