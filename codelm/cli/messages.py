"""What the parser complains about, in one line and in the user's words."""

import re
from collections.abc import Iterable

from codelm.cli.nearest import did_you_mean

KINDS = {
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
OUT_OF_RANGE = re.compile(r"Not of type (\w+): (?:(\S+) (?:does not conform|not an? )|.*: '(.*)')")
"""What jsonargparse says of a number that is none, or not in its range."""

FOREIGN = (
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
"""What Lightning says of its settings, and what it means in the user's words."""

LONGEST = 300
"""Characters of a message that no rule here knows; more would hide the end of it."""


def explain(message: str, known: Iterable[str]) -> str:
    r"""Return the parser's ``message`` as one line, with the nearest of the ``known`` settings where a name is wrong.

    >>> explain("unrecognized arguments: --model.bsae x", ["model.base"])
    'unknown setting --model.bsae: did you mean --model.base?'
    >>> explain("Parser key \"model.lora.r\":\n  Expected a <class 'int'>. Got value: many", [])
    'model.lora.r: "many" is not a whole number'
    """
    if found := re.match(r"unrecognized arguments: (\S+)", message):
        return unknown_argument(found[1], known)
    if found := re.search(r"does not accept option '(.+)'", message):
        return f"unknown setting {found[1]}{did_you_mean(found[1], known)}"
    if found := re.match(r'Linked "(.+)" must be given via "(.+)"', message):
        return f"{found[1]} follows {found[2]}; give {found[2]} instead"
    # What jsonargparse says of a linked setting whose type is a union, which cannot be called to refuse it.
    if found := re.match(r"argument (\S+) --> (\S+): .* is not callable", message):
        return f"{found[2]} follows {found[1]}; give {found[1]} instead"
    if found := re.match(r'Parser key "(.+?)":(.*)', message, re.DOTALL):
        return wrong_value(found[1], found[2], known)
    return one_line(message)


def unknown_argument(token: str, known: Iterable[str]) -> str:
    """Return what to say about an argument that no setting claims."""
    if not token.startswith("-"):
        return f"unexpected {token!r}: settings are given as --name value"
    name = token.partition("=")[0].lstrip("-")
    return f"unknown setting --{name}{did_you_mean(name, known, prefix='--')}"


def wrong_value(key: str, details: str, known: Iterable[str]) -> str:
    """Return what to say about a value that setting ``key`` does not take."""
    if found := re.search(r"Unable to load config '(.+?)'", details):
        below = [name for name in known if name.startswith(f"{key}.")]
        switch = f"{key}.enabled {found[1]}" if f"{key}.enabled" in below else f"{below[0] if below else key} and so on"
        return f'{key}: "{found[1]}" is no file of settings; give them by name, as --{switch}'
    if found := re.search(r"class_path '(.+?)':\s+Option '(.+?)' is not accepted", details):
        return f"{key}: {found[1].rpartition('.')[2]} has no setting {found[2]}"
    if found := OUT_OF_RANGE.search(details):
        return f'{key}: "{found[2] or found[3]}" is not {kind(found[1])}'
    value = re.search(r"(?:Given value|Got value): (.*)", details)
    types = re.findall(r"Expected an? (.+?)(?:\. Got value.*)?$", details, re.MULTILINE)
    wanted = list(dict.fromkeys(map(kind, types)))
    if value is None or not wanted:
        return f"{key}: {one_line(details)}"
    return f'{key}: "{value[1].strip()}" is not {" or ".join(wanted)}'


def kind(text: str) -> str:
    """Return the parser's name for a type in words.

    >>> kind("<class 'int'>"), kind("typing.Literal['a', 'b']")
    ('a whole number', "one of 'a', 'b'")
    """
    if found := re.search(r"Literal\[(.*)\]", text):
        return f"one of {found[1]}"
    name = re.sub(r"<class '(.*)'>", r"\1", text).rpartition(".")[2]
    return KINDS.get(name, name)


def in_our_words(text: str) -> str:
    """Return what Lightning refused a setting for, in one line.

    >>> in_our_words("No supported gpu backend found!")
    'trainer.accelerator gpu: no GPU was found; leave it at auto or give cpu'
    """
    for pattern, meaning in FOREIGN:
        if found := re.search(pattern, text):
            return found.expand(meaning)
    return one_line(text)


def one_line(text: str) -> str:
    """Return ``text`` on one line, cut where nobody reads on."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
