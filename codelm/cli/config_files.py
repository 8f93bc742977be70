"""The configuration files that a command names: found, shipped ones included, and looked into before they count."""

import re
from collections.abc import Sequence
from os.path import expanduser
from pathlib import Path

import yaml

from codelm.cli.nearest import did_you_mean
from codelm.cli.trust import FirstLook, is_file
from codelm.errors import InputError

PACKAGE = Path(__file__).parents[1]
SHIPPED = next((folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir()), PACKAGE)
"""The configurations that travel with the package; in a checkout they lie beside it."""

DEFAULT = SHIPPED / "default.yaml"
"""What a run without a configuration takes; by its full path, for another project may have a file of that name."""

GROUPS = ("model", "data", "trainer", "behavior", "evaluation", "early_stopping", "checkpoint")
"""The settings that are made of settings; the parser would take one thing in place of them, and forget it."""

SHORT = re.compile(r"^-c=?")


def checked_arguments(arguments: Sequence[str], *, allow_code: bool) -> list[str]:
    """Return the arguments with each ``--config`` naming a file that exists and passed the first look.

    Where there is none, the default configuration is put in front.

    Raises:
        InputError: A configuration does not exist, is empty or not YAML, or holds what the first look refuses.
    """
    look = FirstLook(allow_code)
    checked: list[str] = []
    option = ""
    for token in joined(arguments):
        option, _, value = token.partition("=") if token.startswith("-") else (option, "", token)
        if option == "--config":
            token = f"--config={checked_config(value, look)}"
        elif value:
            look.at_value(value, Path(), in_trainer=option.startswith("--trainer"))
        checked.append(token)
    has_config = any(token.startswith("--config=") for token in checked)
    return checked if has_config else [f"--config={DEFAULT}", *checked]


def joined(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with every spelling of a configuration made one: ``--config=FILE``.

    >>> joined(["-c", "a.yaml", "--config", "b.yaml", "-cc.yaml", "--name", "x"])
    ['--config=a.yaml', '--config=b.yaml', '--config=c.yaml', '--name', 'x']
    """
    tokens = iter(arguments)
    return [
        f"--config={next(tokens, '')}" if token in ("-c", "--config") else SHORT.sub("--config=", token)
        for token in tokens
    ]


def checked_config(name: str, look: FirstLook) -> Path:
    """Return the file that ``--config`` names once the first look has found nothing against it."""
    path = find_config(name)
    tree = look.at_file(path)
    if tree is None:
        raise InputError(f"config {name} is empty; write settings as name: value, or leave it out")
    if not isinstance(tree, yaml.MappingNode):
        raise InputError(f"config {name} holds no settings; write them as name: value")
    for key, value in tree.value:
        if key.value in GROUPS and not holds_settings(value, path):
            raise InputError(
                f"config {name}, line {key.start_mark.line + 1}: {key.value}: {written(value)} is not a group of "
                "settings; write them below it, indented, as name: value"
            )
    return path


def holds_settings(value: yaml.Node, path: Path) -> bool:
    """Say whether the value of a group in the file ``path`` is one: settings, or the file that has them."""
    if isinstance(value, yaml.ScalarNode):
        return any(is_file(file) for file in (path.parent / value.value, Path(expanduser(value.value))))
    return isinstance(value, yaml.MappingNode)


def written(value: yaml.Node) -> str:
    """Return a value that is no group as it stands in the file, where it is short enough."""
    if isinstance(value, yaml.ScalarNode):
        return value.value[:99] or "nothing"
    return "a list"


def find_config(name: str) -> Path:
    """Return the file of that name, or the shipped configuration of that name where no such file exists."""
    candidates = [Path(expanduser(name)), *shipped_candidates(name)]
    found = next(filter(is_file, candidates), None)
    if found is None:
        shipped = (name.removesuffix(".yaml") for name in shipped_names())
        raise InputError(f"no config file {name[:99]!r}{did_you_mean(name.removesuffix('.yaml'), shipped)}")
    return found


def shipped_candidates(name: str) -> list[Path]:
    """Return where a shipped configuration of that name would lie: ``configs/rust.yaml``, ``rust.yaml``, ``rust``."""
    inside = Path(name.removeprefix("configs/"))
    if not name or inside.is_absolute() or ".." in inside.parts:
        return []
    return [SHIPPED / inside, SHIPPED / f"{inside}.yaml"]


def shipped_names() -> list[str]:
    """Return the names under which the shipped configurations are asked for."""
    return sorted(f"configs/{path.relative_to(SHIPPED).as_posix()}" for path in SHIPPED.rglob("*.yaml"))
