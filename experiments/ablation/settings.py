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
    """Return configurations as one; later ones win."""
    found: Settings = {}
    for path in configs:
        found = merged(found, _groups(path, _load_yaml(path)))
    return found


def _load_yaml(path: Path) -> Any:
    """Return the content of a YAML file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        json.dumps(content, sort_keys=True)  # an experiment's key is made of it: a date would fail only there
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        why = f"{one_line(error)}; give settings in YAML, dates in quotes"
        raise InputError(f"configuration {path} cannot be read: {why}") from error
    return content


def _groups(path: Path, content: Any) -> Settings:
    """Return the settings in a file's content, without groups that are empty."""
    if not isinstance(content, dict | None):
        raise InputError(f"configuration {path} holds no settings; write them as name: value")
    kept = {name: value for name, value in (content or {}).items() if name not in GROUPS or value is not None}
    for name in GROUPS:
        if not isinstance(kept.get(name, {}), dict):
            raise InputError(f"configuration {path}: {name} is not a group of settings; write them below it, indented")
    return kept


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    """Return nested settings of which those ``over`` win; neither is changed."""
    found = deepcopy(dict(under))
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = merged(found[name], value) if both else deepcopy(value)
    return found


def nested(flat: Mapping[str, Any]) -> Settings:
    """Return settings under full names, such as ``data.seed``, as nested ones."""
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
    """Return how many batches make an optimizer step."""
    found = trainer_setting(settings, "accumulate_grad_batches")
    if not isinstance(found, int) or found < 1:
        raise InputError(f"trainer.accumulate_grad_batches is {found}: give a whole number of 1 or more")
    return found
