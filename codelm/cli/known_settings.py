"""The names and types of all settings, which are known before the seconds of imports that make their parser."""

from argparse import ArgumentError
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union

import yaml

from codelm.cli.error_messages import did_you_mean, explain
from codelm.errors import InputError

__all__ = ["SETTINGS_FILE", "TYPES", "refuse_wrong_keys", "refuse_wrong_options", "setting_names"]

SETTINGS_FILE = Path(__file__).with_name("settings.txt")
"""A line for each setting, with its types where they are simple: those of `TYPES`, and words in quotes.

tests/cli/test_known_settings.py compares it with the parser, and writes it anew.
"""

_BASIC = {each.__name__: each for each in (bool, float, int, NoneType)}

TYPES = (*_BASIC, "ClosedUnitInterval", "NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt")
"""Types of single values: Python's and jsonargparse's."""

_OTHERS = frozenset({"config", "print_config", "help", "evaluation.rustc"})
"""Options that are no settings, and a setting that is gone, which configurations of older runs hold."""


def refuse_wrong_options(arguments: Sequence[str]) -> None:
    """Raise `InputError` for the first option of a command that is no setting, or whose value is not of its type."""
    for token, following in pairwise([*arguments, "--"]):
        name = token.partition("=")[0].removeprefix("--").replace("+", "")
        if token.startswith("--") and name and not _is_known(name):
            raise InputError(_unknown(name, "--"))
        if token.startswith("--") and name in _types():
            _refuse_wrong_value(name, [token] if "=" in token or following.startswith("--") else [token, following])


def refuse_wrong_keys(tree: yaml.MappingNode, where: str) -> None:
    """Raise `InputError` for the first key of a configuration that is no setting, or whose value is not of its type.

    ``where`` names the file.
    """
    for name, line, value in _keys(tree, ""):
        if not _is_known(name):
            raise InputError(f"{where}, line {line}: {_unknown(name, '')}")
        if name in _types() and isinstance(value, yaml.ScalarNode):
            text = "null" if value.tag == "tag:yaml.org,2002:null" else value.value
            _refuse_wrong_value(name, [f"--{name}={text}"], f"{where}, line {line}: ")


def _refuse_wrong_value(name: str, words: Sequence[str], where: str = "") -> None:
    """Raise `InputError` if ``words`` give a setting what is not of its type; its message begins with ``where``."""
    from jsonargparse import ArgumentParser  # a tenth of a second, which help and version do not need

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument(f"--{name}", type=_types()[name])
    try:
        parser.parse_args(words)
    except ArgumentError as error:
        raise InputError(where + explain(str(error), setting_names())) from error


def _keys(tree: yaml.MappingNode, above: str) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield the keys of a configuration, groups included, by their full names, with their lines and values."""
    for key, value in tree.value:
        if key.tag != "tag:yaml.org,2002:merge":
            name = f"{above}{key.value}".removesuffix("+")
            yield name, key.start_mark.line + 1, value
            if isinstance(value, yaml.MappingNode) and name in _groups():
                yield from _keys(value, f"{name}.")


def _unknown(name: str, prefix: str) -> str:
    return f"unknown setting {prefix}{name}{did_you_mean(name, sorted(setting_names()), prefix=prefix)}"


def _is_known(name: str) -> bool:
    """Return whether a name is that of a setting, of a group, or may be that of a setting's part, as a class has."""
    return name in _groups() or name in _OTHERS or not setting_names().isdisjoint(_heads(name))


@cache
def setting_names() -> frozenset[str]:
    """Return the full names of all settings."""
    return frozenset(line.split()[0] for line in SETTINGS_FILE.read_text("utf-8").splitlines())


@cache
def _types() -> dict[str, Any]:
    """Return the types of the settings whose types are simple, by their names."""
    from jsonargparse import typing as ranges

    typed = [line.split() for line in SETTINGS_FILE.read_text("utf-8").splitlines() if " " in line]
    words = {kind for _, *kinds in typed for kind in kinds} - set(TYPES)
    types = _BASIC | {word: Literal[word.strip("'")] for word in words}
    return {name: Union[*(types.get(kind) or getattr(ranges, kind) for kind in kinds)] for name, *kinds in typed}


@cache
def _groups() -> frozenset[str]:
    return frozenset(head for name in setting_names() for head in _heads(name) if head != name)


def _heads(name: str) -> list[str]:
    """Return a name and those of all groups that it would be in.

    >>> _heads("model.lora.r")
    ['model', 'model.lora', 'model.lora.r']
    """
    return list(accumulate(name.split("."), "{}.{}".format))
