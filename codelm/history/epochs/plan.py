"""An epoch as a list of optimizer steps, known before it begins.

Because the plan is a pure function of the samples, a seed and an epoch, the number of learned tokens of each step
is known in advance (so that gradients accumulate exactly), every rank can take its own slice, and an interrupted
run finds its place again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codelm.history.epochs.packing import pack

FULL = 0.98
"""Share of its positions from which a row need not wait for more samples."""
Row = tuple[int, ...]
"""The samples that share one row."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The rows of one forward pass, and the label weight of the whole optimizer step it belongs to."""

    rows: tuple[Row, ...]
    step_weight: float


def pack_lessons(
    lessons: Sequence[NDArray[np.intp]], lengths: NDArray[np.integer], room: int, *, seed: int, epoch: int
) -> list[Row]:
    """Return the rows of an epoch: lesson after lesson, the rows of each in random order.

    What fills no row well waits for the next lesson, so that only the last one leaves rows half empty.
    """
    generator = np.random.default_rng([seed, epoch, 1])
    rows: list[Row] = []
    waiting: Row = ()
    for lesson in lessons:
        drawn = np.concatenate([np.array(waiting, dtype=np.intp), lesson])
        packed = [tuple(drawn[row].tolist()) for row in pack(lengths[drawn], room)]
        enough = FULL * room if lesson is not lessons[-1] else 0
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
    """Return what one rank computes in an epoch, in order.

    A step takes ``batch_size * accumulate * ranks`` rows, the last one what is left. Every rank gets equally many
    micro-batches, so that none waits for another for ever; one that runs out of rows gets an empty one.
    ``weights`` is the label weight of each sample.
    """
    size = batch_size * accumulate * ranks
    planned: list[MicroBatch] = []
    for first in range(0, len(rows), size):
        step = rows[first : first + size]
        weight = float(sum(weights[list(row)].sum() for row in step)) / ranks
        count = -(-len(step) // (batch_size * ranks))
        mine = step[rank::ranks]
        planned += [
            MicroBatch(tuple(mine[k * batch_size : (k + 1) * batch_size]) or ((),), weight) for k in range(count)
        ]
    return planned


def rows_of_steps(epochs: Iterable[Sequence[Row]], size: int, steps: int) -> Iterator[Row]:
    """Yield the rows of the first optimizer steps, ``size`` rows each, the last of an epoch what is left.

    >>> list(rows_of_steps([[(0,), (1,), (2,)], [(2,), (0,), (1,)]], size=2, steps=3))
    [(0,), (1,), (2,), (2,), (0,)]
    """
    for rows in epochs:
        taken = rows[: steps * size]
        if not taken:
            return
        yield from taken
        steps -= -(-len(taken) // size)


def efficiency(rows: Sequence[Row], lengths: NDArray[np.integer], room: int) -> float:
    """Return the share of the rows' positions that hold tokens, 0 to 1."""
    return float(sum(lengths[list(row)].sum() for row in rows) / (len(rows) * room)) if rows else 0.0
