"""The rows of a training epoch, from a table of samples: what is drawn, and how it is packed."""

import numpy as np
from numpy.typing import NDArray

from codelm.history.epochs.curriculum import difficulty, draw_epoch
from codelm.history.epochs.plan import Row, pack_stages
from codelm.history.samples.pieces import Kind

__all__ = ["training_difficulty", "training_rows"]


def training_difficulty(samples: NDArray[np.void]) -> NDArray[np.floating]:
    """Return the difficulty of each training sample, from 0 (easiest) to 1, ``[samples]``.

    ``samples`` are the training rows of a table of samples (`codelm.history.store.SAMPLE`).
    """
    of_commit = np.bincount(samples["commit"], weights=samples["targets"], minlength=1)[samples["commit"]]
    return difficulty(samples["length"], np.where(samples["kind"] == Kind.FILE, samples["targets"], of_commit))


def training_rows(
    training: NDArray[np.intp],
    lengths: NDArray[np.integer],
    importances: NDArray[np.float64],
    difficulties: NDArray[np.floating],
    max_tokens: int,
    *,
    seed: int,
    epoch: int,
    curriculum_epochs: float,
    draws: int | None = None,
) -> list[Row]:
    """Return the rows of one training epoch.

    Args:
        training: Indices of the training samples, ``[training]``.
        lengths: Tokens of each sample of the table, ``[samples]``.
        importances: How often each training sample is drawn, relative to the others, ``[training]``.
        difficulties: The difficulty of each training sample, ``[training]``.
        max_tokens: Tokens of a row.
        seed: The seed of the draw and the order.
        epoch: The epoch, from 0.
        curriculum_epochs: Epochs from easy samples to all of them; 0 begins with all.
        draws: Samples that are drawn; None for as many as there are to train on.
    """
    stages = draw_epoch(
        importances, difficulties, seed=seed, epoch=epoch, curriculum_epochs=curriculum_epochs, draws=draws
    )
    return pack_stages([training[stage] for stage in stages], lengths, max_tokens, seed=seed, epoch=epoch)
