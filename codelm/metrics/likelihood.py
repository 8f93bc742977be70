"""Bits per byte on what held-out commits added: the same text, the same prompts, two models.

Bits per byte are free of the tokenizer, so that models and compressors stand on one axis. Source of the formula: the
lm-evaluation-harness, which sums surprise over tokens and divides by the bytes of the text.
"""

import math
from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.metrics.intervals import relative_change

FLOORS = {"new": "floors_new", "added": "floors"}
"""Under which name the report's ``likelihood`` keeps what a compressor needs for new lines, and for all added ones."""
Commit = TypeVar("Commit", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a text costs both models.

    Attributes:
        base: Nats by the base.
        tuned: Nats by the tuned model.
        tokens: Tokens scored.
        bytes: Bytes of UTF-8 that they cover.
    """

    base: float = 0.0
    tuned: float = 0.0
    tokens: int = 0
    bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """Return the cost of both texts."""
        return Cost(
            self.base + other.base, self.tuned + other.tuned, self.tokens + other.tokens, self.bytes + other.bytes
        )


def cost(
    text: str,
    spans: NDArray[np.int64],
    scored: NDArray[np.bool_],
    base: NDArray[np.float64],
    tuned: NDArray[np.float64],
) -> Cost:
    """Return the cost of the scored tokens of a text.

    Args:
        text: The text.
        spans: Where its tokens begin and end, in characters, ``[T, 2]``.
        scored: Which of them count, ``[T]``.
        base: The nats of each token by the base, ``[T]``.
        tuned: The same by the tuned model.
    """
    size = int(byte_lengths(text)[covered(text, spans[scored])].sum())
    return Cost(float(base[scored].sum()), float(tuned[scored].sum()), int(scored.sum()), size)


def covered(text: str, spans: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which characters of a text lie in spans ``[T, 2]``; several tokens may share one character.

    >>> covered("a漢b", np.array([[1, 2], [1, 2], [2, 3]])).tolist()
    [False, True, True]
    """
    edges = np.zeros(len(text) + 1, dtype=np.int64)
    np.add.at(edges, spans[:, 0], 1)
    np.add.at(edges, spans[:, 1], -1)
    return np.cumsum(edges)[:-1] > 0


def byte_lengths(text: str) -> NDArray[np.int64]:
    """Return the bytes that each character takes in UTF-8, ``[characters]``.

    >>> byte_lengths("aé€😀").tolist()
    [1, 2, 3, 4]
    """
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)


def on_new_lines(text: str, spans: NDArray[np.int64], known: Container[str]) -> NDArray[np.bool_]:
    """Return which tokens begin on a line that ``known`` does not hold, white space around it aside, ``[T]``."""
    lines = text.split("\n")
    new = np.array([line.strip() not in known for line in lines], dtype=np.bool_)
    starts = np.cumsum([0, *(len(line) + 1 for line in lines[:-1])])
    return new[np.searchsorted(starts, spans[:, 0], side="right") - 1]


def by_commit(costs: Iterable[tuple[Commit, Cost]]) -> dict[Commit, Cost]:
    """Return the sum of each commit's costs, in the order in which commits come."""
    sums: defaultdict[Commit, Cost] = defaultdict(Cost)
    for commit, part in costs:
        sums[commit] += part
    return dict(sums)


def compared(costs: Sequence[Cost]) -> dict[str, Any] | None:
    """Return bits per byte and perplexity of both models over commits, and the change with its interval in percent.

    ``costs`` are those of whole commits, because the texts of one commit stand and fall together; ``commits`` tells how
    many of them have text. None where none has.
    """
    costs = [each for each in costs if each.bytes]
    if not costs:
        return None
    total = sum(costs, Cost())
    change = relative_change([each.base for each in costs], [each.tuned for each in costs], range(len(costs)))
    known = change.low is not None and change.high is not None
    return {
        "commits": len(costs),
        "base": bits_per_byte(total.base, total.bytes),
        "tuned": bits_per_byte(total.tuned, total.bytes),
        "change_percent": 100 * change.estimate,
        "interval": [100 * change.low, 100 * change.high] if known else None,  # type: ignore[operator]
        "perplexity_base": math.exp(min(700.0, total.base / total.tokens)),
        "perplexity_tuned": math.exp(min(700.0, total.tuned / total.tokens)),
    }


def main_kind(likelihood: Mapping[str, Any]) -> str:
    """Return which lines count of the report's ``likelihood``: the "new" ones, or all "added" where none is new."""
    return "new" if likelihood["new"] else "added"


def main_comparison(likelihood: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what was found of the lines that count."""
    found: Mapping[str, Any] | None = likelihood[main_kind(likelihood)]
    return found


def bits_per_byte(nats: float, size: int) -> float:
    """Return nats over so many bytes as bits per byte."""
    return nats / math.log(2) / size
