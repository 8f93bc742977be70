"""Samples into rows of one length: best-fit decreasing, one of the classic bin-packing heuristics.

    room 8, samples of 5 4 3 2 2      row 0  [5 5 5 5 5 3 3 3]
                                      row 1  [4 4 4 4 2 2 2 2]

Source of the heuristic and its bound (at most 11/9 of the best number of rows): Johnson, "Near-optimal bin packing
algorithms", 1973.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def pack(lengths: Sequence[int] | NDArray[np.integer], room: int) -> list[list[int]]:
    """Return rows of indices into ``lengths``: every index once, no row longer than ``room``.

    The longest sample goes first, each into the fullest row that still takes it. One step costs a shift of a
    ``room``-bit integer, so 100,000 samples take well under a second.

    >>> pack([5, 4, 3, 2, 2], room=8)
    [[0, 2], [1, 3, 4]]

    Raises:
        ValueError: A sample is longer than a row.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.size and sizes.max() > room:
        raise ValueError(f"a sample of {sizes.max()} tokens does not fit a row of {room}")
    rows: list[list[int]] = []
    with_space: list[list[int]] = [[] for _ in range(room + 1)]
    spaces = 0  # bit s is set while some row has s tokens left
    for index in np.argsort(-sizes, kind="stable").tolist():
        length = int(sizes[index])
        fitting = spaces >> length
        if fitting:
            space = length + (fitting & -fitting).bit_length() - 1
            row = with_space[space].pop()
            if not with_space[space]:
                spaces ^= 1 << space
        else:
            space, row = room, len(rows)
            rows.append([])
        rows[row].append(index)
        with_space[space - length].append(row)
        spaces |= 1 << (space - length)
    return rows
