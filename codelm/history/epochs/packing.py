"""Samples packed into rows of one length by best-fit decreasing, a classic bin-packing heuristic.

Source of the heuristic and its bound (at most 11/9 of the best number of rows): Johnson, "Near-optimal bin packing
algorithms", 1973.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack"]


def pack(lengths: Sequence[int] | NDArray[np.integer], max_tokens: int) -> list[list[int]]:
    """Return rows of indices into ``lengths``: every index once, no row longer than ``max_tokens``.

    The longest sample goes first, each into the fullest row that still takes it. One step takes a shift of a
    ``max_tokens``-bit integer, so 100,000 samples take well under a second.

    Raises:
        ValueError: A sample is longer than a row.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.size and sizes.max() > max_tokens:
        raise ValueError(f"a sample of {sizes.max()} tokens does not fit a row of {max_tokens}")
    rows: list[list[int]] = []
    rows_by_space: list[list[int]] = [[] for _ in range(max_tokens + 1)]
    spaces = 0  # bit s is set while some row has s tokens left
    for index in np.argsort(-sizes, kind="stable").tolist():
        length = int(sizes[index])
        fitting = spaces >> length
        if fitting:
            space = length + (fitting & -fitting).bit_length() - 1
            row = rows_by_space[space].pop()
            if not rows_by_space[space]:
                spaces ^= 1 << space
        else:
            space, row = max_tokens, len(rows)
            rows.append([])
        rows[row].append(index)
        rows_by_space[space - length].append(row)
        spaces |= 1 << (space - length)
    return rows
