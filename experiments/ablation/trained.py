"""A finished training on disk: the adapter, and what it took."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "trained.json"
ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training took.

    Attributes:
        tokens: Tokens read, padding not counted.
        learned: The sum of the weights with which they were learned, of 0 to 1 each.
        seconds: Time of training, with the looks at validation where there are some.
        notes: What else is worth knowing of it.
    """

    tokens: int
    learned: float
    seconds: float
    notes: dict[str, Any] = field(default_factory=dict)


def save(trained: Trained, folder: Path) -> None:
    """Write it down beside the adapter."""
    (folder / FILE).write_text(json.dumps(asdict(trained), indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> Trained | None:
    """Return what a training took; None if it has not finished."""
    path = folder / FILE
    return Trained(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
