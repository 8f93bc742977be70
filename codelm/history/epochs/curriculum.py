"""What one epoch is made of: which samples are drawn, and in which order they come.

Every function is pure: the same seed and epoch give the same draw.
"""

import math

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError

START = 0.1
"""The share of samples, easiest first, that the first lesson of a curriculum draws from."""
LESSONS = 8
"""How many times an epoch under the curriculum raises its share."""

Floats = NDArray[np.floating]
Indices = NDArray[np.intp]


def resample(weights: Floats, draws: int, generator: np.random.Generator) -> Indices:
    """Draw ``draws`` indices so that each is drawn ``draws * weight / sum`` times, rounded down or up.

    This is systematic resampling (Kitagawa, "Monte Carlo filter and smoother", 1996): one random offset and equal
    steps along the summed weights. Equal weights with one draw each give every index exactly once.

    >>> resample(np.ones(4), 4, np.random.default_rng(0)).tolist()
    [0, 1, 2, 3]
    """
    # The offset stays off 0 and 1: there, rounding of the sums could give one index twice and its neighbour never.
    offset = 0.001 + 0.998 * generator.random()
    ends = np.cumsum(weights, dtype=np.float64)
    return np.asarray(np.searchsorted(ends, (np.arange(draws) + offset) * (ends[-1] / draws)))


def competence(progress: float) -> float:
    """Return the share of samples, easiest first, that may be drawn at ``progress`` (0 to 1) of the curriculum.

    The square root grows fast at first and so gives each new difficulty about the same time; Platanios et al.,
    "Competence-based curriculum learning for neural machine translation", 2019, equation 8.

    >>> competence(0.0), competence(1.0), competence(7.0)
    (0.1, 1.0, 1.0)
    """
    return min(1.0, math.sqrt(min(progress, 1.0) * (1 - START**2) + START**2))


def difficulty(lengths: NDArray[np.integer], change_sizes: NDArray[np.integer]) -> Floats:
    """Return each sample's place between the easiest (0) and the hardest (1): short ones of small changes come first.

    ``lengths`` are tokens per sample, ``change_sizes`` the learned tokens of the whole commit it belongs to.
    """
    if not len(lengths):
        return np.zeros(0)
    ranks = rank(rank(lengths) + rank(change_sizes))
    return ranks / max(1, len(ranks) - 1)


def rank(values: NDArray[np.generic]) -> Indices:
    """Return each value's place in ascending order; equal values keep their order."""
    places = np.empty(len(values), dtype=np.intp)
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


def draw_epoch(
    weights: Floats, difficulties: Floats, *, seed: int, epoch: int, curriculum_epochs: float
) -> list[Indices]:
    """Return the samples of one epoch as lessons: arrays of indices, one after the other.

    Without a curriculum (``curriculum_epochs`` 0), or once it is over, an epoch is one lesson with as many draws as
    there are samples. Under it the epoch is cut into equal lessons, each drawn from the share of samples that
    `competence` allows at its beginning, or from all where none of those has a weight.

    Raises:
        InputError: There is no sample, or none has a weight.
    """
    if not len(weights):
        raise InputError("there is no sample to learn: lower data.held_out, loosen data.filters, or give more commits")
    if not np.any(weights):
        raise InputError("data.importance gives every sample the weight 0: leave something to learn")
    generator = np.random.default_rng([seed, epoch])
    if epoch >= curriculum_epochs:
        return [resample(weights, len(weights), generator)]
    lessons = []
    for lesson, draws in enumerate(np.diff(np.linspace(0, len(weights), LESSONS + 1).astype(int)).tolist()):
        if draws:  # fewer samples than lessons leave some without any
            allowed = difficulties <= competence((epoch + lesson / LESSONS) / curriculum_epochs)
            easy = np.where(allowed, weights, 0.0)
            lessons.append(resample(easy if easy.any() else weights, draws, generator))
    return lessons
