"""The rows of the ablation: one configuration, changed in one thing each."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codelm.history.store_settings import STORE_VERSION as SAMPLES
from experiments.ablation.settings import Settings, batches_of_step, merged, nested, read_settings, set_value

__all__ = [
    "CONFIGS",
    "CONTROLS",
    "DEFAULT_ROWS",
    "FLOAT32_PEER",
    "OURS",
    "PEERS",
    "ROWS",
    "VALIDATIONS",
    "VARIANTS",
    "Experiment",
    "round_to_validations",
]

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
_WEIGHTING = read_settings([CONFIGS / "weighting.yaml"])["data"]["importance"]
"""The shipped rules that weigh files and commits."""

OURS, FLOAT32_PEER = "ours", "peer-fp32"

PEERS: Mapping[str, float] = {"peer": 1.0, "peer-slow": 0.5, "peer-fast": 2.0, FLOAT32_PEER: 1.0}
"""The public recipe, by the factor of its learning rate; 1 is the geometric mean of the rates of our two matrices."""

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "-changes": {"data.max_commits": 0},
    "-fim": {"data.formats.fim_rate": 0.0},
    "-cursor": {"data.formats.cursor_rate": 0.0},
    "-curriculum": {"data.curriculum": "none"},
    "+rules": {
        "data.importance.file_rules": _WEIGHTING["file_rules"],
        "data.importance.message_rules": _WEIGHTING["message_rules"],
    },
    "+recency": {"data.importance.half_life_days": _WEIGHTING["half_life_days"]},
    "+context": {"data.context_weight": 0.1},
}
"""What each row takes from ours, or adds to it, by the settings' full names."""

DEFAULT_ROWS = ("peer", OURS, *VARIANTS)
CONTROLS = ("peer-slow", "peer-fast", FLOAT32_PEER)
ROWS = (*DEFAULT_ROWS, *CONTROLS)

_UNUSED_GROUPS = ("evaluation", "behavior")
"""Groups of settings that `_step_limits` switches off."""
VALIDATIONS = 3
"""How often a run of ours is validated; the best validation's adapter is taken, as `codelm fit` does."""
_VERSION = 7
"""Part of every experiment's key: raise it with what changes figures and is not given, as defaults do."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What all rows have in common.

    Attributes:
        configuration: The settings of ours, as given.
        repository: The repository's folder.
        tip: The SHA of the newest commit, so that all runs cut the history at one place.
        steps: Optimizer steps of a run whose rows are full of tokens; others take as many more as their tokens lack.
        test_tokens: Tokens of held-out samples that are evaluated at most.
        base_digest: The SHA-256 of the weights of a base that is a folder; a base on the hub has its revision.
    """

    configuration: Settings
    repository: str
    tip: str
    steps: int
    test_tokens: int
    base_digest: str = ""

    @property
    def key(self) -> str:
        """A name that changes with the base, with what is given and with `STORE_VERSION`: 12 hexadecimal digits.

        The repository's name counts too: it stands in every prompt. Settings that no run here uses do not count.
        """
        versions = (_VERSION, SAMPLES, VALIDATIONS)
        name = Path(self.repository).stem
        used = {group: value for group, value in self.configuration.items() if group not in _UNUSED_GROUPS}
        made_of = json.dumps(
            [versions, self.base_digest, used, name, self.tip, self.steps, self.test_tokens], sort_keys=True
        )
        return hashlib.sha256(made_of.encode()).hexdigest()[:12]

    def settings(self, row: str = OURS) -> Settings:
        """Return the settings of a row; those of ours are also what all rows are evaluated with."""
        found = merged(self.configuration, nested({"data.repo": self.repository, "data.revision": self.tip}))
        for name, value in VARIANTS.get(row, {}).items():
            set_value(found, name, value)
        return found

    def run_settings(self, row: str, seed: int, steps: int | None = None) -> Settings:
        """Return the settings of one run of so many steps, by default the experiment's."""
        limits = _step_limits(steps or self.steps, batches_of_step(self.configuration))
        return merged(self.settings(row), limits | {"seed_everything": seed})


def _step_limits(steps: int, accumulate: int) -> Settings:
    """Return settings that make a run take exactly so many steps, whatever its configuration and the clock say."""
    return nested(
        {
            "trainer.max_epochs": -1,
            "trainer.max_steps": steps,
            "trainer.max_time": None,
            "trainer.limit_train_batches": steps * accumulate // VALIDATIONS,
            "early_stopping.patience": steps,
            "evaluation.enabled": False,
            "behavior.prompts": [],
        }
    )


def round_to_validations(steps: float) -> int:
    """Return the nearest number of steps, above 0, that divides evenly among the validations.

    >>> round_to_validations(240), round_to_validations(1), round_to_validations(247.3)
    (240, 3, 246)
    """
    return max(1, round(steps / VALIDATIONS)) * VALIDATIONS
