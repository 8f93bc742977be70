"""How jsonargparse reads configurations during a command: which code they may name, and what counts as YAML.

A configuration may name classes, and naming a class imports its module: a file from a stranger is a program.
jsonargparse 4.53 checks each such name against a list before it imports anything, and once more by where the object is
defined, so that ``codelm.git.environment.os.system`` is refused although codelm is allowed.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader, set_parsing_settings
from jsonargparse._common import parsing_settings  # it has no public way to take a setting back

from codelm.cli.config_files import GROUPS
from codelm.cli.yaml_files import parse
from codelm.errors import InputError

__all__ = ["MODE", "parsing_rules"]

_ALLOWED = [
    "codelm.callbacks",
    "codelm.runs.finish",
    *(
        f"lightning.{library}.{package}"
        for library in ("pytorch", "fabric")
        for package in ("accelerators", "loggers", "plugins", "strategies")
    ),
    "lightning.pytorch.callbacks",
    "lightning.pytorch.profilers",
    "torch.optim",
]
"""The packages whose classes a configuration may name without ``--allow_code``."""

MODE = "checked-yaml"
"""The name of our reader of YAML among jsonargparse's."""


class _DoubtfulYAMLError(yaml.YAMLError):
    """What our reader raises, in the type that jsonargparse expects."""


_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")

_CLASSES = ("accelerator", "callbacks", "logger", "plugins", "profiler", "strategy")
"""The trainer's settings that name classes."""

_GROUPS = (*GROUPS, "filters", "formats", "importance", "lora", "refresh")
"""The settings whose value may be the file that has them."""


@contextmanager
def parsing_rules(arguments: Sequence[str], *, allow_code: bool) -> Iterator[None]:
    """Let jsonargparse follow codelm's rules for a while.

    Args:
        arguments: The command line; code that it names itself is allowed.
        allow_code: Whether configurations may name code from outside of `_ALLOWED`.
    """
    before = dict(parsing_settings)
    # Otherwise a configuration could name a part of itself by an address on the network.
    set_parsing_settings(config_read_mode_fsspec_enabled=False)
    if not allow_code:
        set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=[*_ALLOWED, *_typed_names(arguments)])
    set_loader(MODE, _load, (yaml.YAMLError,))
    try:
        yield
    finally:
        parsing_settings.update(before)


def _typed_names(arguments: Sequence[str]) -> list[str]:
    """Return what the user has typed as the name of a class: such names are the user's own will.

    A package of somebody else is allowed whole, as the class may be defined in another of its modules than it is named.

    >>> _typed_names(["fit", "--trainer.logger=mine.Logger", "--trainer.callbacks", "[torch.hub.load]"])
    ['mine', 'torch.hub.load']
    >>> _typed_names(["fit", "--trainer.default_root_dir=/runs/evil.d", "--name", "a.b"])
    []
    """
    found: list[str] = []
    option = ""
    for token in arguments:
        option, _, value = token.partition("=") if token.startswith("-") else (option, "", token)
        setting = option.removeprefix("--trainer.").removesuffix("+").split(".")[0]
        if option.startswith("--trainer.") and setting in _CLASSES and value:
            found += [word for word in re.split(r"[^\w.]+", value) if _DOTTED.fullmatch(word)]
    ours = ("codelm", "jsonargparse", "lightning", "torch")
    packages = [name if name.split(".")[0] in ours else name.split(".")[0] for name in found]
    return [name for name in packages if not name.startswith("jsonargparse")]


def _load(text: str) -> Any:
    try:
        parse(text, "the text")
    except InputError as error:
        raise _DoubtfulYAMLError(str(error)) from error
    return _settled(get_loader("yaml")(text))


def _settled(value: Any) -> Any:
    """Return loaded settings in which files of settings cannot be taken for code, and without a setting that is gone.

    jsonargparse 4.53 reads a value such as ``part.yaml`` as an import path before it looks for a file of that name.
    """
    if isinstance(value, list):
        return [_settled(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _file_as_path(part) if str(key).split(".")[-1] in _GROUPS else _settled(part)
        for key, part in value.items()
        if (key, part) != ("rustc", False)  # saved by runs before that check was taken out
    }


def _file_as_path(value: Any) -> Any:
    """Return the value of a group of settings; the name of a file as a path that is no dotted name."""
    is_name = isinstance(value, str) and _DOTTED.fullmatch(value) and value.endswith((".yaml", ".yml", ".json"))
    return f"./{value}" if is_name else _settled(value)
