"""The rows of the ablation: one configuration, but for one thing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codelm.history.build import VERSION as SAMPLES
from experiments.ablation.settings import Settings, accumulated, nested, overlaid, put

OURS, PRECISE_PEER = "ours", "peer-fp32"

PEERS: Mapping[str, Mapping[str, Any]] = {
    "peer": {},
    "peer-slow": {"model.learning_rate": 1e-3},
    "peer-fast": {"model.learning_rate": 4e-3},
    PRECISE_PEER: {},
}
"""The public recipe with our learning rate, with two that were not chosen for ours, and with float32 adapters."""

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "-changes": {"data.max_commits": 0},
    "-fim": {"data.formats.fim_rate": 0.0},
    "-importance": {
        "data.importance.file_rules": {},
        "data.importance.message_rules": {},
        "data.importance.directories": {},
        "data.importance.authors": {},
        "data.importance.max_commit_tokens": None,
    },
    "-recency": {"data.importance.half_life_days": None},
    "-curriculum": {"data.curriculum": "none"},
    "+weighting": {"data.context_weight": 0.1},
}
"""What each row takes from ours, or adds to it, by the settings' full names."""

DEFAULT_ROWS = ("peer", OURS, *VARIANTS)
CONTROLS = ("peer-slow", "peer-fast", PRECISE_PEER)
ROWS = (*DEFAULT_ROWS, *CONTROLS)

NOT_DONE = ("evaluation", "behavior")
"""Groups of settings that `budget` switches off."""
LOOKS = 3
"""How often a run of ours looks at validation; the best look's adapter is taken, as `codelm fit` does."""
VERSION = 3
"""Part of every experiment's key: raise it with what changes figures and is not given, as defaults do."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What all rows have in common.

    Attributes:
        given: The configuration of ours.
        repository: The repository's folder.
        tip: The newest commit, so that all runs cut the history at one place.
        steps: Optimizer steps of a run whose rows are full of tokens; others take as many more as their tokens lack.
        measured_tokens: Tokens of held-out samples that are measured at most.
        weights: The SHA-256 of a base that is a folder; nothing of one on the model hub, whose revision is given.
    """

    given: Settings
    repository: str
    tip: str
    steps: int
    measured_tokens: int
    weights: str = ""

    @property
    def key(self) -> str:
        """A name that changes with the base, with what is given and with `VERSION`: 12 hexadecimal digits.

        The repository's name is given too: it stands in every prompt. What no run here does changes nothing.
        """
        versions = (VERSION, SAMPLES, LOOKS)
        name = Path(self.repository).stem
        given = {group: value for group, value in self.given.items() if group not in NOT_DONE}
        made_of = json.dumps(
            [versions, self.weights, given, name, self.tip, self.steps, self.measured_tokens], sort_keys=True
        )
        return hashlib.sha256(made_of.encode()).hexdigest()[:12]

    def settings(self, row: str = OURS) -> Settings:
        """Return the settings of a row; those of ours are also what all rows are measured with."""
        found = overlaid(self.given, nested({"data.repo": self.repository, "data.revision": self.tip}))
        for name, value in {OURS: {}, **PEERS, **VARIANTS}[row].items():
            put(found, name, value)
        return found

    def run_settings(self, row: str, seed: int, steps: int | None = None) -> Settings:
        """Return the settings of one run of so many steps, by default the experiment's."""
        limits = budget(steps or self.steps, accumulated(self.given))
        return overlaid(self.settings(row), limits | {"seed_everything": seed})


def budget(steps: int, accumulate: int) -> Settings:
    """Return the settings that make a run take exactly so many steps, whatever its configuration and its clock say."""
    return nested(
        {
            "trainer.max_epochs": -1,
            "trainer.max_steps": steps,
            "trainer.max_time": None,
            "trainer.limit_train_batches": steps * accumulate // LOOKS,
            "early_stopping.patience": steps,
            "evaluation.enabled": False,
            "behavior.prompts": [],
        }
    )


def whole_looks(steps: float) -> int:
    """Return the nearest number of steps, above 0, that all looks share equally.

    >>> whole_looks(240), whole_looks(1), whole_looks(247.3)
    (240, 3, 246)
    """
    return max(1, round(steps / LOOKS)) * LOOKS
