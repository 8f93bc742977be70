"""How sure a difference between two models is: resampled by commit, because a commit's parts stand and fall together.

Both models see the same items, so the differences are paired; whole commits are drawn, so that many small parts of one
commit do not pass for as many observations (Miller 2024, "Adding Error Bars to Evals").
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST = 30
"""Clusters below which an interval would promise more than it knows."""
DRAWS = 10_000
BLOCK = 500
"""Draws held in memory at a time."""
LEVELS = (2.5, 97.5)
"""The percentiles between which 95 % of the draws lie."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and the 95 % interval around it.

    Attributes:
        estimate: the figure over all items.
        low: the interval's lower end; None where there are fewer than `FEWEST` clusters.
        high: its upper end, or None likewise.
        clusters: how many commits the items come from.
    """

    estimate: float
    low: float | None
    high: float | None
    clusters: int


def relative_change(before: ArrayLike, after: ArrayLike, cluster: ArrayLike) -> Interval:
    """Return ``sum(after) / sum(before) - 1`` of paired amounts, all ``[N]``; ``cluster`` names each item's commit.

    >>> relative_change([4.0, 6.0], [4.0, 4.0], ["a", "b"])
    Interval(estimate=-0.2, low=None, high=None, clusters=2)

    Raises:
        ValueError: ``before`` sums to nothing, or the shapes differ.
    """
    amounts = np.asarray(before, dtype=np.float64)
    return ratio(np.asarray(after, dtype=np.float64) - amounts, amounts, cluster)


def mean_difference(before: ArrayLike, after: ArrayLike, cluster: ArrayLike) -> Interval:
    """Return ``sum(after - before) / N`` of paired scores, all ``[N]``; ``cluster`` names each item's commit.

    Raises:
        ValueError: there are no items, or the shapes differ.
    """
    differences = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    return ratio(differences, np.ones_like(differences), cluster)


def ratio(numerator: Numbers, denominator: Numbers, cluster: ArrayLike) -> Interval:
    """Return ``sum(numerator) / sum(denominator)`` with its percentile interval; the same numbers give the same one."""
    names, members = np.unique(np.asarray(cluster), return_inverse=True)
    if not numerator.shape == denominator.shape == members.shape or denominator.sum() <= 0:
        shapes = f"{numerator.shape}, {denominator.shape}, {members.shape} with a sum of {denominator.sum()}"
        raise ValueError(f"cannot compare items of shapes {shapes}: give paired items that amount to more than 0")
    above, below = sums(numerator, members), sums(denominator, members)
    low, high = ends(above, below) if len(names) >= FEWEST else (None, None)
    return Interval(float(above.sum() / below.sum()), low, high, len(names))


def sums(values: Numbers, members: NDArray[np.intp]) -> Numbers:
    """Return each cluster's sum, ``[C]``, of ``values`` ``[N]``; ``members`` ``[N]`` are the clusters' numbers."""
    return np.bincount(members, weights=values).astype(np.float64)


def ends(above: Numbers, below: Numbers) -> tuple[float, float]:
    """Return the percentiles of the ratio of sums over drawn clusters; sums per cluster, ``[C]``."""
    low, high = np.percentile(np.concatenate(list(drawn_ratios(above, below))), LEVELS)
    return float(low), float(high)


def drawn_ratios(above: Numbers, below: Numbers) -> Iterator[Numbers]:
    """Yield the ratios of `DRAWS` draws of as many clusters as there are, with replacement."""
    chance = np.random.default_rng(0)
    for _ in range(DRAWS // BLOCK):
        drawn = chance.integers(0, len(above), (BLOCK, len(above)))
        amounts = below[drawn].sum(1)
        yield above[drawn].sum(1)[amounts > 0] / amounts[amounts > 0]
