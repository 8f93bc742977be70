"""Bootstrap intervals of a difference between two models, resampled by commit.

Both models see the same items, so the differences are paired; whole commits are drawn, because the items of one commit
are not independent (Miller 2024, "Adding Error Bars to Evals").
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MIN_CLUSTERS", "Interval", "mean_difference", "relative_change"]

MIN_CLUSTERS = 30
"""Clusters below which an interval would be too narrow."""
_DRAWS = 10_000
_BLOCK = 500
"""Draws held in memory at a time."""
_LEVELS = (2.5, 97.5)
"""Percentiles at the ends of the 95 % interval."""

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % interval.

    Attributes:
        estimate: the figure over all items.
        low: the interval's lower end; None where there are fewer than `MIN_CLUSTERS` clusters.
        high: its upper end, or None likewise.
        clusters: the number of commits that the items come from.
    """

    estimate: float
    low: float | None
    high: float | None
    clusters: int


def relative_change(before: ArrayLike, after: ArrayLike, cluster: ArrayLike) -> Interval:
    """Return ``sum(after) / sum(before) - 1`` of paired amounts, all ``[N]``; ``cluster`` names each item's commit.

    Raises:
        ValueError: ``before`` does not sum to more than 0, or the shapes differ.
    """
    amounts = np.asarray(before, dtype=np.float64)
    return _ratio(np.asarray(after, dtype=np.float64) - amounts, amounts, cluster)


def mean_difference(before: ArrayLike, after: ArrayLike, cluster: ArrayLike) -> Interval:
    """Return ``sum(after - before) / N`` of paired scores, all ``[N]``; ``cluster`` names each item's commit.

    Raises:
        ValueError: There are no items, or the shapes differ.
    """
    differences = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    return _ratio(differences, np.ones_like(differences), cluster)


def _ratio(numerator: _Numbers, denominator: _Numbers, cluster: ArrayLike) -> Interval:
    """Return ``sum(numerator) / sum(denominator)`` with its percentile interval; the draws have a fixed seed."""
    names, members = np.unique(np.asarray(cluster), return_inverse=True)
    if not numerator.shape == denominator.shape == members.shape or denominator.sum() <= 0:
        shapes = f"{numerator.shape}, {denominator.shape}, {members.shape} with a sum of {denominator.sum()}"
        raise ValueError(f"cannot compare items of shapes {shapes}: give paired items that amount to more than 0")
    above, below = (np.bincount(members, weights=values).astype(np.float64) for values in (numerator, denominator))
    low, high = _percentiles(above, below) if len(names) >= MIN_CLUSTERS else (None, None)
    return Interval(float(above.sum() / below.sum()), low, high, len(names))


def _percentiles(above: _Numbers, below: _Numbers) -> tuple[float, float]:
    """Return the percentiles `_LEVELS` of the ratio of sums over drawn clusters; sums per cluster, ``[C]``."""
    low, high = np.percentile(np.concatenate(list(_drawn_ratios(above, below))), _LEVELS)
    return float(low), float(high)


def _drawn_ratios(above: _Numbers, below: _Numbers) -> Iterator[_Numbers]:
    """Yield the ratios of `_DRAWS` draws, ``[BLOCK]`` at a time: as many clusters as there are, with replacement."""
    rng = np.random.default_rng(0)
    for _ in range(_DRAWS // _BLOCK):
        drawn = rng.integers(0, len(above), (_BLOCK, len(above)))
        amounts = below[drawn].sum(1)
        yield above[drawn].sum(1)[amounts > 0] / amounts[amounts > 0]
