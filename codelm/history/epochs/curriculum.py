"""The draw of an epoch's samples: by weight and, under a curriculum, in stages of growing difficulty.

Every function is pure: the same seed and epoch give the same draw.
"""

import math

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError

__all__ = ["difficulty", "draw_epoch"]

_START = 0.1
"""The share of samples, easiest first, that the first stage of a curriculum draws from."""
_STAGES = 8
"""The number of stages in an epoch under the curriculum."""

_Floats = NDArray[np.floating]
_Indices = NDArray[np.intp]


def _resample(weights: _Floats, draws: int, generator: np.random.Generator) -> _Indices:
    """Draw ``draws`` indices, ascending, so that each is drawn ``draws * weight / sum`` times, rounded down or up.

    This is systematic resampling (Kitagawa, "Monte Carlo filter and smoother", 1996): one random offset and equal
    steps along the summed weights. Equal weights with one draw each give every index exactly once.
    """
    # The offset stays off 0 and 1: there, rounding of the sums could give one index twice and its neighbour never.
    offset = 0.001 + 0.998 * generator.random()
    ends = np.cumsum(weights, dtype=np.float64)
    return np.asarray(np.searchsorted(ends, (np.arange(draws) + offset) * (ends[-1] / draws)))


def _competence(progress: float) -> float:
    """Return the share of samples, easiest first, that may be drawn at ``progress`` (0 to 1) of the curriculum.

    The square root grows fast at first and so gives each new difficulty about the same time; Platanios et al.,
    "Competence-based curriculum learning for neural machine translation", 2019, equation 8.
    """
    return min(1.0, math.sqrt(min(progress, 1.0) * (1 - _START**2) + _START**2))


def difficulty(lengths: NDArray[np.integer], change_sizes: NDArray[np.integer]) -> _Floats:
    """Return the difficulty of each sample, ``[samples]``: 0 for the easiest, a short one of a small commit, to 1.

    ``lengths`` are the tokens of each sample, ``change_sizes`` the learned tokens of the commit that it belongs to.
    """
    if not len(lengths):
        return np.zeros(0)
    ranks = _rank(_rank(lengths) + _rank(change_sizes))
    return ranks / max(1, len(ranks) - 1)


def _rank(values: NDArray[np.generic]) -> _Indices:
    """Return each value's rank in ascending order, from 0; equal values keep their order."""
    ranks = np.empty(len(values), dtype=np.intp)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def draw_epoch(
    weights: _Floats,
    difficulties: _Floats,
    *,
    seed: int,
    epoch: int,
    curriculum_epochs: float,
    draws: int | None = None,
) -> list[_Indices]:
    """Return the samples of one epoch as stages: arrays of indices, one after the other.

    Without a curriculum, or once it is over, an epoch is one stage. Under it the epoch is cut into equal stages, each
    drawn from the share of samples that `_competence` allows at its beginning, or from all where none of those has a
    weight.

    Args:
        weights: The weight of each sample, ``[samples]``.
        difficulties: The difficulty of each sample from 0 to 1, ``[samples]``.
        seed: The seed of the draw.
        epoch: The epoch, from 0.
        curriculum_epochs: Epochs from the easiest samples to all of them; 0 for no curriculum.
        draws: Draws of the epoch; None for as many as there are samples.

    Raises:
        InputError: There is no sample, or none has a weight.
    """
    if not len(weights):
        raise InputError("there is no sample to learn: lower data.held_out, loosen data.filters, or give more commits")
    if not np.any(weights):
        raise InputError("data.importance gives every sample the weight 0: leave something to learn")
    generator = np.random.default_rng([seed, epoch])
    draws = len(weights) if draws is None else draws
    if epoch >= curriculum_epochs:
        return [_resample(weights, draws, generator)]
    stages = []
    for stage, count in enumerate(np.diff(np.linspace(0, draws, _STAGES + 1).astype(int)).tolist()):
        if count:  # with fewer draws than stages, some have none
            allowed = difficulties <= _competence((epoch + stage / _STAGES) / curriculum_epochs)
            easy = np.where(allowed, weights, 0.0)
            stages.append(_resample(easy if easy.any() else weights, count, generator))
    return stages
