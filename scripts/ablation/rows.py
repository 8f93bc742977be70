"""The rows of the ablation, and the settings of each run: one configuration, less one thing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codelm.defaults import TRAINER
from codelm.errors import InputError
from codelm.history.mining import VERSION as SAMPLES

Settings = dict[str, Any]
"""What ``codelm fit --config`` reads, as nested dicts."""

PEER, PRECISE_PEER, OURS = "peer", "peer-fp32", "ours"

MINUS: Mapping[str, Mapping[str, Any]] = {
    "-changes": {"data.max_commits": 0},
    "-fim": {"data.formats.fim_rate": 0.0},
    "-weighting": {"data.context_weight": 1.0},
    "-importance": {
        "data.importance.file_rules": {},
        "data.importance.message_rules": {},
        "data.importance.directories": {},
        "data.importance.authors": {},
        "data.importance.max_commit_tokens": None,
    },
    "-recency": {"data.importance.half_life_days": None},
    "-curriculum": {"data.curriculum": "none"},
}
"""What each row takes away, by the settings' full names."""

DEFAULT_ROWS = (PEER, OURS, *MINUS)
ROWS = (*DEFAULT_ROWS, PRECISE_PEER)

LOOKS = 3
"""How often a run of ours looks at validation; the best look's adapter is taken, as `codelm fit` does."""
VERSION = 1
"""Part of every experiment's key: raise it when the same settings would give other figures."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What all rows have in common.

    Attributes:
        given: The configuration of ours.
        repository: The repository's folder.
        tip: The newest commit, so that all runs cut the history at one place.
        steps: Optimizer steps of a run whose rows are full of tokens; others take as many more as their tokens lack.
        measured_tokens: Tokens of held-out samples that are measured at most.
    """

    given: Settings
    repository: str
    tip: str
    steps: int
    measured_tokens: int

    @property
    def key(self) -> str:
        """A name that changes with anything that could change a figure: 12 hexadecimal digits."""
        versions = (VERSION, SAMPLES, LOOKS)
        made_of = json.dumps([versions, self.given, self.tip, self.steps, self.measured_tokens], sort_keys=True)
        return hashlib.sha256(made_of.encode()).hexdigest()[:12]

    def settings(self, row: str = OURS) -> Settings:
        """Return the settings of a row; those of ours are also the ones that all rows are measured with."""
        found = overlaid(self.given, nested({"data.repo": self.repository, "data.revision": self.tip}))
        for name, value in MINUS.get(row, {}).items():
            put(found, name, value)
        return found

    def run_settings(self, row: str, seed: int, steps: int | None = None) -> Settings:
        """Return the settings of one run of so many steps, by default the experiment's."""
        limits = budget(steps or self.steps, trainer_setting(self.given, "accumulate_grad_batches"))
        return overlaid(self.settings(row), limits | {"seed_everything": seed})


def budget(steps: int, accumulated: int) -> Settings:
    """Return the settings that make a run take exactly so many steps, whatever its configuration and its clock say."""
    return nested(
        {
            "trainer.max_epochs": -1,
            "trainer.max_steps": steps,
            "trainer.max_time": None,
            "trainer.limit_train_batches": steps * accumulated // LOOKS,
            "early_stopping.patience": steps,
            "evaluation.enabled": False,
            "behavior.prompts": [],
        }
    )


def trainer_setting(settings: Mapping[str, Any], name: str) -> Any:
    """Return a setting of the trainer, or codelm's default."""
    return settings.get("trainer", {}).get(name, TRAINER.get(name))


def whole_looks(steps: float) -> int:
    """Return the nearest number of steps, above 0, that all looks share equally.

    >>> whole_looks(240), whole_looks(1), whole_looks(247.3)
    (240, 3, 246)
    """
    return max(1, round(steps / LOOKS)) * LOOKS


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
