"""The configuration files that a command names: found, shipped ones included, and checked before they are parsed."""

import re
from collections.abc import Sequence
from functools import cache
from os.path import expanduser
from pathlib import Path

import yaml

from codelm.cli.error_messages import did_you_mean
from codelm.cli.known_settings import refuse_wrong_keys
from codelm.cli.yaml_files import read_nodes
from codelm.errors import InputError

__all__ = ["GROUPS", "checked_arguments", "default_argument", "shipped_folder", "shipped_names"]

GROUPS = ("model", "data", "trainer", "behavior", "evaluation", "early_stopping", "checkpoint")
"""The settings that are groups; the parser would take a single value in place of one, and drop it."""

_SHORT = re.compile(r"^-c=?")


def checked_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with each ``--config`` naming a file that exists and holds settings.

    Where there is none, the shipped default is put in front, by its full path: another project may have a file of that
    name.

    Raises:
        InputError: A configuration does not exist, is empty or not YAML, or has a key twice.
    """
    checked = [
        f"--config={_checked_config(token.removeprefix('--config='))}" if token.startswith("--config=") else token
        for token in _joined(arguments)
    ]
    has_config = any(token.startswith("--config=") for token in checked)
    return checked if has_config else [default_argument(), *checked]


def default_argument() -> str:
    """Return the argument that stands for the configuration of a command that was given none."""
    return f"--config={shipped_folder() / 'default.yaml'}"


def _joined(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with every spelling of a configuration made one: ``--config=FILE``."""
    tokens = iter(arguments)
    return [
        f"--config={next(tokens, '')}" if token in ("-c", "--config") else _SHORT.sub("--config=", token)
        for token in tokens
    ]


def _checked_config(name: str) -> Path:
    path = _find_config(name)
    tree = read_nodes(path)
    if tree is None:
        raise InputError(f"config {name} is empty; write settings as name: value, or leave it out")
    if not isinstance(tree, yaml.MappingNode):
        raise InputError(f"config {name} holds no settings; write them as name: value")
    for key, value in tree.value:
        if key.value in GROUPS and not _holds_settings(value, path):
            written = (value.value[:99] or "nothing") if isinstance(value, yaml.ScalarNode) else "a list"
            raise InputError(
                f"config {name}, line {key.start_mark.line + 1}: {key.value}: {written} is not a group of "
                "settings; write them below it, indented, as name: value"
            )
    refuse_wrong_keys(tree, f"config {name}")
    return path


def _holds_settings(value: yaml.Node, path: Path) -> bool:
    """Return whether the value of a group in the file ``path`` is one: settings, or the file that has them."""
    if isinstance(value, yaml.ScalarNode):
        return any(_is_file(file) for file in (path.parent / value.value, Path(expanduser(value.value))))
    return isinstance(value, yaml.MappingNode)


def _find_config(name: str) -> Path:
    """Return the file of that name, or the shipped configuration of that name where no such file exists."""
    candidates = [Path(expanduser(name)), *_shipped_candidates(name)]
    found = next(filter(_is_file, candidates), None)
    if found is None:
        if name and any(map(_is_folder, candidates)):
            raise InputError(f"config {name} is a folder; give a YAML file, such as one in it")
        shipped = [name.removeprefix("configs/").removesuffix(".yaml") for name in shipped_names()]
        meant = did_you_mean(name.removeprefix("configs/").removesuffix(".yaml")[:99], shipped, prefix="configs/")
        there_are = f"; codelm comes with {', '.join(shipped_names())}"
        raise InputError(f"no config file {name[:99]!r}{meant or there_are}")
    return found


def _shipped_candidates(name: str) -> list[Path]:
    """Return where a shipped configuration of that name would lie: ``configs/rust.yaml``, ``rust.yaml``, ``rust``."""
    inside = Path(name.removeprefix("configs/"))
    if not name or inside.is_absolute() or ".." in inside.parts:
        return []
    return [shipped_folder() / inside, shipped_folder() / f"{inside}.yaml"]


@cache
def shipped_folder() -> Path:
    """Return the folder of the configurations that travel with the package; in a checkout they lie beside it."""
    package = Path(__file__).parents[1]
    return next(folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir())


def shipped_names() -> list[str]:
    """Return the names under which the shipped configurations are asked for."""
    return sorted(
        f"configs/{path.relative_to(shipped_folder()).as_posix()}" for path in shipped_folder().rglob("*.yaml")
    )


def _is_file(path: Path) -> bool:
    """Return whether there is such a file; text that no file can be named by is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
