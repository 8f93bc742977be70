"""Nested settings: read from configurations, laid over one another, taken apart."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from codelm.cli.config_files import GROUPS
from codelm.cli.defaults import TRAINER
from codelm.errors import InputError, one_line

Settings = dict[str, Any]
"""What ``codelm fit --config`` reads, as nested dicts."""


def read(configs: Sequence[Path]) -> Settings:
    """Return configurations as one; later ones win.

    Raises:
        InputError: One cannot be read, or holds something else than settings.
    """
    found: Settings = {}
    for path in configs:
        found = overlaid(found, groups(path, load(path)))
    return found


def load(path: Path) -> Any:
    """Return what a file of YAML holds.

    Raises:
        InputError: It cannot be read.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        json.dumps(found, sort_keys=True)  # the key of an experiment is made of it: a date would be found out there
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        why = one_line(error)
        raise InputError(
            f"configuration {path} cannot be read: {why}; give settings in YAML, dates in quotes"
        ) from error
    return found


def groups(path: Path, found: Any) -> Settings:
    """Return the settings that a file holds; a group without any is as one that is not there.

    Raises:
        InputError: It holds something else.
    """
    if not isinstance(found, dict | None):
        raise InputError(f"configuration {path} holds no settings; write them as name: value")
    kept = {name: value for name, value in (found or {}).items() if name not in GROUPS or value is not None}
    for name in GROUPS:
        if not isinstance(kept.get(name, {}), dict):
            raise InputError(f"configuration {path}: {name} is not a group of settings; write them below it, indented")
    return kept


def overlaid(under: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    """Return nested settings of which those ``over`` win; neither is changed.

    >>> overlaid({"data": {"seed": 1, "repo": "."}}, {"data": {"seed": 2}})
    {'data': {'seed': 2, 'repo': '.'}}
    """
    found = deepcopy(dict(under))
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = overlaid(found[name], value) if both else deepcopy(value)
    return found


def nested(flat: Mapping[str, Any]) -> Settings:
    """Return settings under full names as nested ones.

    >>> nested({"data.seed": 1})
    {'data': {'seed': 1}}
    """
    found: Settings = {}
    for name, value in flat.items():
        put(found, name, value)
    return found


def put(settings: Settings, name: str, value: Any) -> None:
    """Give a setting a value; what stood there is replaced whole."""
    *groups, last = name.split(".")
    for group in groups:
        settings = settings.setdefault(group, {})
    settings[last] = value


def trainer_setting(settings: Mapping[str, Any], name: str) -> Any:
    """Return a setting of the trainer, or codelm's default."""
    return settings.get("trainer", {}).get(name, TRAINER.get(name))


def accumulated(settings: Mapping[str, Any]) -> int:
    """Return how many batches make an optimizer step.

    Raises:
        InputError: It is no such number.
    """
    found = trainer_setting(settings, "accumulate_grad_batches")
    if not isinstance(found, int) or found < 1:
        raise InputError(f"trainer.accumulate_grad_batches is {found}: give a whole number of 1 or more")
    return found
