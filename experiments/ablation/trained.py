"""The folder of a finished training: the adapter, and the training's figures as JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ADAPTER", "Trained", "load", "save"]

_FILE = "trained.json"
ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class Trained:
    """The figures of a finished training; the names of the fields are the keys in the file.

    Tokens are those read, without padding; ``learned`` is the sum of their loss weights, of 0 to 1 each. The seconds
    include the validations, where there are some.
    """

    tokens: int
    learned: float
    seconds: float
    notes: dict[str, Any] = field(default_factory=dict)


def save(trained: Trained, folder: Path) -> None:
    """Write the figures beside the adapter."""
    (folder / _FILE).write_text(json.dumps(asdict(trained), indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> Trained | None:
    """Return a training's figures; None if it has not finished."""
    path = folder / _FILE
    return Trained(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
