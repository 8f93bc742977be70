"""An epoch planned as a list of optimizer steps before it begins.

Because the plan is a pure function of the samples, a seed and an epoch, the number of learned tokens of each step
is known in advance (so that gradients accumulate exactly), every rank can take its own slice, and an interrupted
run can go on where it stopped.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.history.epochs.packing import pack

__all__ = ["MicroBatch", "Row", "efficiency", "evenly_spaced", "micro_batches", "pack_stages", "rows_of_steps"]

_Item = TypeVar("_Item")
_FULL = 0.98
"""The share of filled positions from which a row is not packed again with the next stage."""
Row = tuple[int, ...]
"""The indices of the samples that share one row."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The rows of one forward pass, and the label weight of the whole optimizer step it belongs to."""

    rows: tuple[Row, ...]
    step_weight: float


def pack_stages(
    stages: Sequence[NDArray[np.intp]], lengths: NDArray[np.integer], max_tokens: int, *, seed: int, epoch: int
) -> list[Row]:
    """Return the rows of an epoch: stage after stage, the rows of each in random order.

    Samples that do not fill a row well are packed with the next stage, so that only the last one has half-empty rows.

    Args:
        stages: The indices of the samples that each stage of the epoch draws.
        lengths: Tokens of each sample, ``[samples]``.
        max_tokens: Tokens of a row.
        seed: The seed of the order.
        epoch: The epoch, from 0.
    """
    generator = np.random.default_rng([seed, epoch, 1])
    rows: list[Row] = []
    waiting: Row = ()
    for stage in stages:
        drawn = np.concatenate([np.array(waiting, dtype=np.intp), stage])
        packed = [tuple(drawn[row].tolist()) for row in pack(lengths[drawn], max_tokens)]
        enough = _FULL * max_tokens if stage is not stages[-1] else 0
        full = [row for row in packed if lengths[list(row)].sum() >= enough]
        waiting = tuple(index for row in packed if lengths[list(row)].sum() < enough for index in row)
        rows += [full[index] for index in generator.permutation(len(full))]
    return rows


def micro_batches(
    rows: Sequence[Row],
    weights: NDArray[np.floating],
    *,
    batch_size: int,
    accumulate: int = 1,
    rank: int = 0,
    ranks: int = 1,
) -> list[MicroBatch]:
    """Return the micro-batches of one rank in an epoch, in order.

    A step takes ``batch_size * accumulate * ranks`` rows, the last one those that are left. Every rank gets equally
    many micro-batches, or one would wait for another for ever; where a rank has no rows left, it gets an empty one.

    Args:
        rows: The rows of the epoch.
        weights: The sum of label weights of each sample, ``[samples]``.
        batch_size: Rows of a micro-batch.
        accumulate: Micro-batches of one rank in an optimizer step.
        rank: The number of the process, from 0.
        ranks: Processes that train together.
    """
    size = batch_size * accumulate * ranks
    planned: list[MicroBatch] = []
    for first in range(0, len(rows), size):
        step = rows[first : first + size]
        weight = float(sum(weights[list(row)].sum() for row in step)) / ranks
        count = -(-len(step) // (batch_size * ranks))
        of_rank = step[rank::ranks]
        planned += [
            MicroBatch(tuple(of_rank[k * batch_size : (k + 1) * batch_size]) or ((),), weight) for k in range(count)
        ]
    return planned


def evenly_spaced(items: Sequence[_Item], limit: int | None) -> list[_Item]:
    """Return at most ``limit`` items, in their order and equally far apart; all of them if the limit is None.

    >>> evenly_spaced([0, 1, 2, 3, 4], 2)
    [0, 2]
    """
    count = len(items) if limit is None else min(limit, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def rows_of_steps(epochs: Iterable[Sequence[Row]], size: int, steps: int) -> Iterator[Row]:
    """Yield the rows of the first optimizer steps, ``size`` rows each; the last step of an epoch may have fewer.

    >>> list(rows_of_steps([[(0,), (1,), (2,)], [(2,), (0,), (1,)]], size=2, steps=3))
    [(0,), (1,), (2,), (2,), (0,)]
    """
    for rows in epochs:
        taken = rows[: steps * size]
        if not taken:
            return
        yield from taken
        steps -= -(-len(taken) // size)


def efficiency(rows: Sequence[Row], lengths: NDArray[np.integer], max_tokens: int) -> float:
    """Return the share of the rows' positions that hold tokens, 0 to 1."""
    return float(sum(lengths[list(row)].sum() for row in rows) / (len(rows) * max_tokens)) if rows else 0.0
