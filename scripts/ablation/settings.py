"""Nested settings: read from configurations, laid over one another, taken apart."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from codelm.defaults import TRAINER
from codelm.errors import InputError

Settings = dict[str, Any]
"""What ``codelm fit --config`` reads, as nested dicts."""


def read(configs: Sequence[Path]) -> Settings:
    """Return configurations as one; later ones win.

    Raises:
        InputError: One cannot be read.
    """
    found: Settings = {}
    for path in configs:
        try:
            found = overlaid(found, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"configuration {path} cannot be read: {error}") from error
    return found


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
