"""Token ids decoded to the text between a sample's special tokens, with each token's place in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from codelm.history.tokenization.encoder import Encoder

__all__ = ["TextRun", "decode"]


@dataclass(frozen=True, slots=True)
class TextRun:
    """The text between two special tokens of a sample.

    Attributes:
        first: The index of its first token in the sample.
        text: The decoded text.
        spans: Where each of its tokens begins and ends in the text, in characters, ``[T, 2]``; tokens that share a
            character, being parts of its bytes, have the same span.
    """

    first: int
    text: str
    spans: NDArray[np.int64]


def decode(ids: Sequence[int] | NDArray[np.integer], encoder: Encoder) -> list[TextRun]:
    """Return the runs of text of a sample, ``[T]``, in their order."""
    return [
        TextRun(first, text, _token_spans(run, text, encoder, inside=inside))
        for first, run in _between_special_tokens(ids, frozenset(encoder.special_ids.values()))
        for inside in [first > 0 and int(ids[first - 1]) not in encoder.starts]
        for text in [encoder.decode(run, inside=inside)]
    ]


def _between_special_tokens(
    ids: Sequence[int] | NDArray[np.integer], special_ids: frozenset[int]
) -> Iterator[tuple[int, list[int]]]:
    """Yield each run of ids without special tokens, with the index of its first one."""
    for special, group in groupby(enumerate(map(int, ids)), key=lambda place: place[1] in special_ids):
        if not special:
            indices, run = zip(*group, strict=True)
            yield indices[0], list(run)


def _token_spans(ids: list[int], text: str, encoder: Encoder, *, inside: bool) -> NDArray[np.int64]:
    """Return where each token stands in the text of all of them, in characters, ``[T, 2]``.

    Args:
        ids: The tokens.
        text: Their text.
        encoder: Made, or could have made, the one of the other.
        inside: Whether they stand inside a sample.
    """
    encoded, spans = encoder.locate(text, inside=inside)
    if encoded == ids:
        return np.array(spans, dtype=np.int64).reshape(-1, 2)
    # A model may generate other tokens for a text than the tokenizer does; decoding token by token is slower.
    ends = [
        (0, 0),
        *(_decoded_length(encoder.decode(ids[: count + 1], inside=inside), text) for count in range(len(ids))),
    ]
    return np.array([(whole, begun) for (whole, _), (_, begun) in pairwise(ends)], dtype=np.int64).reshape(-1, 2)


def _decoded_length(decoded: str, text: str) -> tuple[int, int]:
    r"""Return how many characters of a text its first tokens hold in whole, and how many in whole or in part.

    In ``decoded``, the text of the first tokens, a part of a character is "\ufffd".
    """
    whole = len(decoded)
    while not text.startswith(decoded[:whole]):
        whole -= 1
    return whole, whole + (whole < min(len(decoded), len(text)))
