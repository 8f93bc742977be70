"""From token ids back to text: what a sample says between its sentinels, and where each token stands in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from codelm.history.tokenization.encoding import Encoder


@dataclass(frozen=True, slots=True)
class Run:
    """The text between two sentinels of a sample.

    Attributes:
        first: The place of its first token in the sample.
        text: What it says.
        spans: Where each of its tokens begins and ends in the text, in characters, ``[T, 2]``; tokens that share a
            character, being parts of its bytes, have the same.
    """

    first: int
    text: str
    spans: NDArray[np.int64]


def decode(ids: Sequence[int] | NDArray[np.integer], encoder: Encoder) -> list[Run]:
    """Return the runs of text of a sample, ``[T]``, in their order."""
    return [
        Run(first, text, spans_of(part, text, encoder))
        for first, part in between_sentinels(ids, frozenset(encoder.sentinels.values()))
        for text in [encoder.decode(part)]
    ]


def between_sentinels(
    ids: Sequence[int] | NDArray[np.integer], sentinels: frozenset[int]
) -> Iterator[tuple[int, list[int]]]:
    """Yield each run of ids that are no sentinels, with its place.

    >>> list(between_sentinels([0, 5, 6, 0, 0, 7], frozenset([0])))
    [(1, [5, 6]), (5, [7])]
    """
    part: list[int] = []
    for place, token in enumerate([*map(int, ids), next(iter(sentinels))]):
        if token not in sentinels:
            part.append(token)
        elif part:
            yield place - len(part), part
            part = []


def spans_of(ids: list[int], text: str, encoder: Encoder) -> NDArray[np.int64]:
    """Return where each token stands in the text that the tokens spell, ``[T, 2]``."""
    again, spans = encoder.locate(text)
    if again == ids:
        return np.array(spans, dtype=np.int64).reshape(-1, 2)
    # These ids are not how the tokenizer would spell the text now; reading on token by token costs more.
    read = [(0, 0), *(read_so_far(encoder.decode(ids[: count + 1]), text) for count in range(len(ids)))]
    return np.array([(whole, begun) for (whole, _), (_, begun) in pairwise(read)], dtype=np.int64).reshape(-1, 2)


def read_so_far(said: str, text: str) -> tuple[int, int]:
    r"""Return how many characters of a text its first tokens spell, and that with one of which they spell a part.

    A decoder says "\ufffd" for the part.

    >>> read_so_far("fn\ufffd", "fn漢x"), read_so_far("fn漢", "fn漢x")
    ((2, 3), (3, 3))
    """
    whole = len(said)
    while not text.startswith(said[:whole]):
        whole -= 1
    return whole, whole + (whole < min(len(said), len(text)))
