"""The names of all settings, which are known before the seconds of imports that make their parser."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path

import yaml

from codelm.cli.error_messages import did_you_mean
from codelm.errors import InputError

__all__ = ["LIST", "refuse_unknown_keys", "refuse_unknown_options"]

LIST = Path(__file__).with_name("settings.txt")
"""A line for each setting; tests/cli/test_known_settings.py compares it with the parser, and writes it anew."""

_OTHERS = frozenset({"config", "print_config", "help", "evaluation.rustc"})
"""Options that are no settings, and a setting that is gone, which configurations of older runs hold."""


def refuse_unknown_options(arguments: Sequence[str]) -> None:
    """Raise `InputError` for the first option of a command that is no setting."""
    for token in arguments:
        name = token.partition("=")[0].removeprefix("--").replace("+", "")
        if token.startswith("--") and name and not _is_known(name):
            raise InputError(_unknown(name, "--"))


def refuse_unknown_keys(tree: yaml.MappingNode, where: str) -> None:
    """Raise `InputError` for the first key of a configuration that is no setting; ``where`` names the file."""
    for name, line in _keys(tree, ""):
        if not _is_known(name):
            raise InputError(f"{where}, line {line}: {_unknown(name, '')}")


def _keys(tree: yaml.MappingNode, above: str) -> Iterator[tuple[str, int]]:
    """Yield the keys of a configuration, groups included, by their full names, with their lines."""
    for key, value in tree.value:
        if key.tag != "tag:yaml.org,2002:merge":
            name = f"{above}{key.value}".removesuffix("+")
            yield name, key.start_mark.line + 1
            if isinstance(value, yaml.MappingNode) and name in _groups():
                yield from _keys(value, f"{name}.")


def _unknown(name: str, prefix: str) -> str:
    return f"unknown setting {prefix}{name}{did_you_mean(name, sorted(_names()), prefix=prefix)}"


def _is_known(name: str) -> bool:
    """Return whether a name is that of a setting, of a group, or may be that of a setting's part, as a class has."""
    return name in _groups() or name in _OTHERS or not _names().isdisjoint(_heads(name))


@cache
def _names() -> frozenset[str]:
    return frozenset(LIST.read_text("utf-8").split())


@cache
def _groups() -> frozenset[str]:
    return frozenset(head for name in _names() for head in _heads(name) if head != name)


def _heads(name: str) -> list[str]:
    """Return a name and those of all groups that it would be in.

    >>> _heads("model.lora.r")
    ['model', 'model.lora', 'model.lora.r']
    """
    return list(accumulate(name.split("."), "{}.{}".format))
