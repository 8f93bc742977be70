"""Nested settings: read from configurations, merged, changed by their full names."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from codelm.cli.config_files import GROUPS
from codelm.cli.defaults import TRAINER
from codelm.errors import InputError, one_line

__all__ = ["Settings", "batches_of_step", "merged", "nested", "read_settings", "set_value", "trainer_setting"]

Settings = dict[str, Any]
"""What ``codelm fit --config`` reads, as nested dicts."""


def read_settings(configs: Sequence[Path]) -> Settings:
    """Return configurations as one; later ones win.

    Raises:
        InputError: One cannot be read, or holds something else than settings.
    """
    found: Settings = {}
    for path in configs:
        found = merged(found, _groups(path, _load_yaml(path)))
    return found


def _load_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        json.dumps(content, sort_keys=True)  # an experiment's key is made of it: a date would fail only there
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        why = one_line(error)
        raise InputError(
            f"configuration {path} cannot be read: {why}; give settings in YAML, dates in quotes"
        ) from error
    return content


def _groups(path: Path, content: Any) -> Settings:
    """Return the settings in a file's content, without groups that are empty.

    Raises:
        InputError: It holds something else.
    """
    if not isinstance(content, dict | None):
        raise InputError(f"configuration {path} holds no settings; write them as name: value")
    kept = {name: value for name, value in (content or {}).items() if name not in GROUPS or value is not None}
    for name in GROUPS:
        if not isinstance(kept.get(name, {}), dict):
            raise InputError(f"configuration {path}: {name} is not a group of settings; write them below it, indented")
    return kept


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    """Return nested settings of which those ``over`` win; neither is changed.

    >>> merged({"data": {"seed": 1, "repo": "."}}, {"data": {"seed": 2}})
    {'data': {'seed': 2, 'repo': '.'}}
    """
    found = deepcopy(dict(under))
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = merged(found[name], value) if both else deepcopy(value)
    return found


def nested(flat: Mapping[str, Any]) -> Settings:
    """Return settings under full names as nested ones.

    >>> nested({"data.seed": 1})
    {'data': {'seed': 1}}
    """
    found: Settings = {}
    for name, value in flat.items():
        set_value(found, name, value)
    return found


def set_value(settings: Settings, name: str, value: Any) -> None:
    """Give the setting of a full name a value; a group that stood there is replaced whole."""
    *groups, last = name.split(".")
    for group in groups:
        settings = settings.setdefault(group, {})
    settings[last] = value


def trainer_setting(settings: Mapping[str, Any], name: str) -> Any:
    """Return a setting of the trainer, or codelm's default."""
    return settings.get("trainer", {}).get(name, TRAINER.get(name))


def batches_of_step(settings: Mapping[str, Any]) -> int:
    """Return how many batches make an optimizer step.

    Raises:
        InputError: The setting is not a whole number of 1 or more.
    """
    found = trainer_setting(settings, "accumulate_grad_batches")
    if not isinstance(found, int) or found < 1:
        raise InputError(f"trainer.accumulate_grad_batches is {found}: give a whole number of 1 or more")
    return found
