"""Errors of the parser and of Lightning, in one line and in the user's words."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["as_typed", "did_you_mean", "explain", "known_refusal", "lightning_message"]

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
_WORDS = {"True": "true", "False": "false", "None": "null"}
"""Values as Python names them, in YAML's words, in which they are typed."""
_OUT_OF_RANGE = re.compile(
    r"Not of type (\w+): (?:(?!does )(\S+) (?:does not conform|not an? )|.*: '(.*)'|.*, not '(\w+)')"
)
"""jsonargparse's message about a number that is none, or not in its range."""

_PARSER = (
    (
        r"Importing '((?!lightning\.\w+')\S+)' is not allowed",
        r"\1 is code from outside codelm that runs when a config names it; read it, then give --allow_code",
    ),
    (r"^argument (?:-\w/)?--([\w.]+)\S*:\s+expected one argument", r"\1: its value is missing; write --\1 VALUE"),
    (r"^unrecognized arguments: ([^-\s]\S*)", r"unexpected '\1': settings are given as --name value"),
    (r'^Linked "(.+)" must be given via "(.+)"', r"\1 follows \2; give \2 instead"),
    # jsonargparse's message for a linked setting whose type is a union, which cannot be called to refuse it
    (r"^argument (\S+) --> (\S+): .* is not callable", r"\2 follows \1; give \1 instead"),
)
"""Messages of jsonargparse, and what they mean in the user's words."""

_NO_CLASS = re.compile(r"class_path '\S+':\s+Importing '\S+' is not allowed, denied by the '(?!\*)")
"""jsonargparse's message about what could be no class of Lightning's anyway, such as os.system."""

_CLASS = (
    (r"Option '(.+?)' is not accepted", "{key}: {name} has no setting {found}"),
    (r"the following arguments are required: (\w+)", "{key}: {name} needs {found}; give it as --{key}.{found} VALUE"),
    (r"No module named '(.+?)'", "{key}: there is no module {found}, so no {class_}"),
    (r"module '\S+' has no attribute '(.+?)'", "{key}: there is no class {class_}{guess}"),
)
"""What jsonargparse says about a class that was named, and what it means in the user's words."""

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
    (
        r"class_path '\S*?(\w+)':\s+Requirement '([\w-]+)\S*' not met",
        r"\1 needs the package \2, which is not installed; pip install \2",
    ),
    (
        r"Requirement '([\w-]+)\S*' not met",
        r"a setting of the trainer needs the package \1, which is not installed; pip install \1",
    ),
    (
        r"(?s)cannot represent an object'.*class_path='[\w.]*?(\w+)', .*?(\w+)=<\w+\.(\w+): ",
        r"config.yaml cannot hold the default of \1's \2; give it as text, as in --trainer.callbacks.\2 \3",
    ),
    (
        r"invalid strategy name: `strategy='(.*?)'",
        r'trainer.strategy: there is no strategy "\1"; leave it at auto or give ddp',
    ),
    (
        r"`val_check_interval` \((\S+)\) must be less than or equal to the number of the training batches \((\S+)\)",
        r"trainer.val_check_interval is \1, and an epoch has \2 batches: give no more, or a share such as 0.5",
    ),
    (r"`Timer\(duration='(.*?)'\)`", r'trainer.max_time: "\1" is no duration; write DD:HH:MM:SS'),
)
"""Messages of Lightning about its settings, and what they mean in the user's words."""

_MIN_SIMILARITY = 0.65
"""The similarity, from 0 to 1, above which a name may have been meant: "fti" and "fit" have 0.67."""


def explain(message: str, known: Iterable[str]) -> str:
    """Return the parser's ``message`` as one line; ``known`` are the names of all settings and of classes."""
    likely = _NO_CLASS.sub("", message)
    for pattern, meaning in _PARSER:
        if found := re.search(pattern, likely):
            return found.expand(meaning)
    if found := re.match(r"unrecognized arguments: -+([^\s=-]*[^\s=]*)", message):
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
    if line := _wrong_class(key, details, known):
        return line
    if found := _OUT_OF_RANGE.search(details):
        inside = re.search(r'Parser key "(.+?)":', details)
        given = f'"{found[2] or found[3] or ""}"' if found[4] is None else _kind(found[4])
        return f"{key}{f'.{inside[1]}' if inside else ''}: {given} is not {_kind(found[1])}"
    value = re.search(r"(?:Given value|Got value): (.*)", details)
    wanted = _wanted(details)
    if value is None or not wanted:
        return f"{key}: {_one_line(details)}"
    given = value[1].strip()
    if given not in _WORDS:
        return f'{key}: "{given}" is not {wanted}'
    remedy = "; give one, or leave it out" if "number" in wanted else ""
    return f"{key}: {_WORDS[given]} is not {wanted}{remedy}"


def _wrong_class(key: str, details: str, known: Iterable[str]) -> str | None:
    """Return the message for a class that setting ``key`` does not take, or for its arguments; None for others."""
    classes = [name for name in known if name[:1].isupper()]
    for class_, problem in re.findall(r"class_path '(.+?)':\s+(.*)", details):
        name, guess = class_.rpartition(".")[2], did_you_mean(class_, classes)
        for pattern, meaning in _CLASS:
            if found := re.search(pattern, problem):
                return meaning.format(key=key, class_=class_, name=name, guess=guess, found=found[found.re.groups])
    if not re.search(r"dot import path string|subclass of|is abstract|Importing '", details):
        return None
    if nested := re.search(r"NestedArg\(key='(.+?)'", details):
        return f"{key}.{nested[1]}: no class was named that could have it; give --{key} CLASS before it"
    named = re.search(r"dot import path string: (.*)", details)
    given = named[1] if named else details.rpartition("Given value: ")[2].strip()
    what = key.rpartition(".")[2].removesuffix("s")
    guess = (
        did_you_mean(given, {*classes} - {given})
        or f"; give the name of one of Lightning's, or a path such as package.{what.title()}"
    )
    return f'{key}: there is no {what} "{given}"{guess}'


def _wanted(details: str) -> str:
    """Return in words which types were wanted; empty where the parser does not say."""
    pattern = r"(?:Expected an? (?!path but)|Not of type (?=\w+: ))(.+?)(?:\. Got value.*|: .*)?$"
    types = re.findall(pattern, details, re.MULTILINE)
    literals = ", ".join(found[1] for type_ in types if (found := re.search(r"Literal\[(.*)\]", type_)))
    values = ", ".join(dict.fromkeys(value.strip("'") for value in literals.split(", ")))
    kinds = [_kind(type_) for type_ in types if "Literal[" not in type_]
    return " or ".join(dict.fromkeys([*([f"one of {values}"] if values else []), *kinds]))


def _kind(text: str) -> str:
    """Return the parser's name for a type in words."""
    name = re.sub(r"<class '(.*)'>", r"\1", text).rpartition(".")[2]
    return _KINDS.get(name, name)


def lightning_message(text: str) -> str:
    """Return why Lightning refused a setting, in one line."""
    return known_refusal(text) or _one_line(text)


def known_refusal(text: str) -> str | None:
    """Return an error's text in the user's words; None if it is none by which Lightning refuses a setting."""
    found = ((re.search(pattern, text), meaning) for pattern, meaning in _LIGHTNING)
    return next((match.expand(meaning) for match, meaning in found if match), None)


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


def as_typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by the names under which they are typed: one seed is that of model and data."""
    return {"seed_everything" if name.endswith(".seed") else name: value for name, value in settings.items()}
