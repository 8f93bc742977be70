"""Bits per byte of base and tuned model on the same text: the lines that held-out commits added.

Bits per byte do not depend on the tokenizer, so models and compressors can be compared. Source of the formula: the
lm-evaluation-harness, which sums the nll over tokens and divides by the bytes of the text.
"""

import math
from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.metrics.intervals import relative_change

__all__ = [
    "XZ_BASELINE_KEYS",
    "Nll",
    "bits_per_byte",
    "byte_lengths",
    "comparison",
    "covered_characters",
    "main_comparison",
    "main_kind",
    "starts_new_line",
    "sum_by_commit",
    "token_nll",
]

XZ_BASELINE_KEYS = {"new": "floors_new", "added": "floors"}
"""Keys of the report's ``likelihood`` that hold the bits per byte of the compressor xz, by kind of lines."""
_Commit = TypeVar("_Commit", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Nll:
    """Nll of a text by both models.

    Attributes:
        base: nll by the base, in nats.
        tuned: nll by the tuned model, in nats.
        tokens: number of tokens scored.
        bytes: bytes of UTF-8 that they cover.
    """

    base: float = 0.0
    tuned: float = 0.0
    tokens: int = 0
    bytes: int = 0

    def __add__(self, other: "Nll") -> "Nll":
        """Return the nll of both texts."""
        return Nll(
            self.base + other.base, self.tuned + other.tuned, self.tokens + other.tokens, self.bytes + other.bytes
        )


def token_nll(
    text: str,
    spans: NDArray[np.int64],
    scored: NDArray[np.bool_],
    base: NDArray[np.float64],
    tuned: NDArray[np.float64],
) -> Nll:
    """Return the nll of the scored tokens of a text.

    Args:
        text: the text.
        spans: start and end of its tokens, in characters, ``[T, 2]``.
        scored: which of them count, ``[T]``.
        base: the nll of each token by the base, in nats, ``[T]``.
        tuned: the same by the tuned model.
    """
    size = int(byte_lengths(text)[covered_characters(text, spans[scored])].sum())
    return Nll(float(base[scored].sum()), float(tuned[scored].sum()), int(scored.sum()), size)


def covered_characters(text: str, spans: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which characters of a text lie in spans ``[T, 2]``, as ``[characters]``; tokens may share a character."""
    edges = np.zeros(len(text) + 1, dtype=np.int64)
    np.add.at(edges, spans[:, 0], 1)
    np.add.at(edges, spans[:, 1], -1)
    return np.cumsum(edges)[:-1] > 0


def byte_lengths(text: str) -> NDArray[np.int64]:
    """Return the number of bytes of each character in UTF-8, ``[characters]``."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)


def starts_new_line(text: str, spans: NDArray[np.int64], known: Container[str]) -> NDArray[np.bool_]:
    """Return which tokens begin on a line whose stripped text is not in ``known``, ``[T]``; spans are ``[T, 2]``."""
    lines = text.split("\n")
    new = np.array([line.strip() not in known for line in lines], dtype=np.bool_)
    starts = np.cumsum([0, *(len(line) + 1 for line in lines[:-1])])
    return new[np.searchsorted(starts, spans[:, 0], side="right") - 1]


def sum_by_commit(nlls: Iterable[tuple[_Commit, Nll]]) -> dict[_Commit, Nll]:
    """Return the sum of each commit's nlls, in the order in which commits first occur."""
    sums: defaultdict[_Commit, Nll] = defaultdict(Nll)
    for commit, nll in nlls:
        sums[commit] += nll
    return dict(sums)


def comparison(nlls: Sequence[Nll]) -> dict[str, Any] | None:
    """Return bits per byte and perplexity of both models over commits, and the change with its interval in percent.

    ``nlls`` are those of whole commits, because the texts of one commit are not independent; ``commits`` is how many of
    them have text. None where none has.
    """
    nlls = [each for each in nlls if each.bytes]
    if not nlls:
        return None
    total = sum(nlls, Nll())
    change = relative_change([each.base for each in nlls], [each.tuned for each in nlls], range(len(nlls)))
    return {
        "commits": len(nlls),
        "base": bits_per_byte(total.base, total.bytes),
        "tuned": bits_per_byte(total.tuned, total.bytes),
        "change_percent": 100 * change.estimate,
        "interval": None if change.low is None or change.high is None else [100 * change.low, 100 * change.high],
        "perplexity_base": math.exp(min(700.0, total.base / total.tokens)),
        "perplexity_tuned": math.exp(min(700.0, total.tuned / total.tokens)),
    }


def main_kind(likelihood: Mapping[str, Any]) -> str:
    """Return which lines of the report's ``likelihood`` count: the "new" ones, or all "added" where none is new."""
    return "new" if likelihood["new"] else "added"


def main_comparison(likelihood: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the comparison on the lines that count."""
    found: Mapping[str, Any] | None = likelihood[main_kind(likelihood)]
    return found


def bits_per_byte(nats: float, size: int) -> float:
    """Return the bits per byte of a text of ``size`` bytes whose nll is ``nats``."""
    return nats / math.log(2) / size
