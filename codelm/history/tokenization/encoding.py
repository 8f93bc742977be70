"""From samples to token ids.

What a file says is text, even where it spells the name of a special token: sentinels are put in by their ids. All text
between two sentinels is tokenised as one, as it will be when the model is used; cutting it where roles change would
teach the model tokens that no prompt has, such as a line end apart from the indentation after it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.history.samples.formats import END, SENTINELS, Kind, Piece, Sample
from codelm.history.tokenization.backend import (
    Encoding,
    Tokenizer,
    check_sentinel,
    fingerprint,
    tell_forks_apart,
    text_only,
)

MINIMUM_ROOM = 32
"""The shortest row, in tokens, that is worth cutting samples for."""

BATCH_CHARACTERS = 1 << 20
"""How much is tokenised at a time; the tokenizer holds a hundred bytes for each token it has just made."""

MakeSamples = Callable[[int], list[Sample]]
"""Makes the samples of one change or file for rows of that many tokens."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One sample as the model reads it."""

    ids: NDArray[np.uint32]
    """Token ids, ``[T]``."""
    roles: NDArray[np.uint8]
    """The `Role` of each token, ``[T]``."""
    kind: Kind


class Encoder:
    """Turns text into token ids.

    Attributes:
        sentinels: The special tokens of our formats that the tokenizer has, with their ids; its own end of sequence
            stands in where it has no end of text by StarCoder2's name.
        special: The names alone.
        fingerprint: SHA-256 that changes with anything that could change a token.

    Raises:
        InputError: The tokenizer is not a fast one, does not hold a sentinel as one token, or finds it in plain text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        if not hasattr(tokenizer, "backend_tokenizer"):
            raise InputError(f"{type(tokenizer).__name__} has no tokenizer.json: give a base with a fast tokenizer")
        tell_forks_apart()
        backend = tokenizer.backend_tokenizer
        self._backend = text_only(backend)
        self.sentinels = {name: found for name in SENTINELS if (found := backend.token_to_id(name)) is not None}
        for name, token in self.sentinels.items():
            check_sentinel(name, token, backend, self._backend)
        if tokenizer.eos_token_id is not None:
            self.sentinels.setdefault(END, tokenizer.eos_token_id)
        self.special = frozenset(self.sentinels)
        self.fingerprint = fingerprint(self._backend, self.sentinels)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(encoding) for encoding in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode(self, samples: Sequence[Sample]) -> list[Encoded]:
        """Return the tokens of each sample; many samples at a time keep all cores busy."""
        return [encoded for batch in batches(samples) for encoded in self._encode(batch)]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that token ids spell."""
        return self._backend.decode(list(ids), skip_special_tokens=False)

    def locate(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the tokens of a text, and where each begins and ends in it, in characters."""
        encoding = self._backend.encode_batch([text], add_special_tokens=False)[0]
        return encoding.ids, encoding.offsets

    def _encode(self, samples: Sequence[Sample]) -> list[Encoded]:
        runs = [list(runs_of(sample.pieces)) for sample in samples]
        texts = ["".join(piece.text for piece in run) for sample in runs for run in sample if not run[0].special]
        encodings = iter(self._backend.encode_batch(texts, add_special_tokens=False))
        return [self._assembled(sample.kind, run, encodings) for sample, run in zip(samples, runs, strict=True)]

    def _assembled(self, kind: Kind, runs: Sequence[Sequence[Piece]], encodings: Iterator[Encoding]) -> Encoded:
        ids: list[int] = []
        roles: list[NDArray[np.uint8]] = []
        for run in runs:
            if run[0].special:
                ids.append(self.sentinels[run[0].text])
                roles.append(np.array([run[0].role], np.uint8))
            else:
                encoding = next(encodings)
                ids.extend(encoding.ids)
                roles.append(roles_of(run, encoding))
        return Encoded(np.array(ids, np.uint32), np.concatenate(roles), kind)


def fitted(makers: Sequence[MakeSamples], encoder: Encoder, room: int) -> list[list[Encoded]]:
    """Return the encoded samples of each maker, none longer than ``room`` tokens.

    A maker estimates lengths from parts, and tokenizers are not additive: where a sample came out too long, all samples
    of its maker are made again for a shorter row, so that each target stays in exactly one of them.

    Raises:
        InputError: The room is below `MINIMUM_ROOM`, or the tokenizer needs more than that for a single character.
    """
    if room < MINIMUM_ROOM:
        raise InputError(f"a row of {room} tokens is too short: give at least {MINIMUM_ROOM}")
    results: list[list[Encoded]] = [[] for _ in makers]
    todo = dict.fromkeys(range(len(makers)), room)
    while todo:
        groups = encoded_together([makers[index](tried) for index, tried in todo.items()], encoder)
        for index, group in zip(todo, groups, strict=True):
            results[index] = group
        todo = {
            index: shorter(tried, room, results[index])
            for index, tried in todo.items()
            if longest(results[index]) > room
        }
    return results


def encoded_together(groups: Sequence[Sequence[Sample]], encoder: Encoder) -> list[list[Encoded]]:
    """Encode groups of samples in one batch."""
    encoded = iter(encoder.encode([sample for group in groups for sample in group]))
    return [[next(encoded) for _ in group] for group in groups]


def longest(encoded: Sequence[Encoded]) -> int:
    """Return the length of the longest sample, 0 if there is none."""
    return max((len(each.ids) for each in encoded), default=0)


def shorter(tried: int, room: int, encoded: Sequence[Encoded]) -> int:
    """Return the next row length to try when one was tried and the samples came out longer than ``room``."""
    if tried == 1:
        raise InputError(f"a row of {room} tokens cannot hold one character: give longer rows or another tokenizer")
    length = longest(encoded)
    return max(1, min(tried - (length - room), tried * room // length))


def batches(samples: Sequence[Sample], characters: int = BATCH_CHARACTERS) -> Iterator[list[Sample]]:
    """Yield the samples in their order, in batches that end once they have so many characters."""
    batch: list[Sample] = []
    length = 0
    for sample in samples:
        batch.append(sample)
        length += sum(len(piece.text) for piece in sample.pieces)
        if length >= characters:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def runs_of(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield what is tokenised together: each sentinel alone, and all text between two of them."""
    for special, group in groupby(pieces, key=lambda piece: piece.special):
        run = list(group)
        yield from ([piece] for piece in run) if special else [run]


def roles_of(run: Sequence[Piece], encoding: Encoding) -> NDArray[np.uint8]:
    """Return the role of each token; a token across two pieces takes the higher role, so that no target is lost."""
    roles = np.full(len(encoding), run[0].role, np.uint8)
    length, place = sum(len(piece.text) for piece in run), 0
    for before, after in pairwise(run):
        place += len(before.text)
        token = token_at(place, length, encoding)
        shared = roles[token : token + 1].max(initial=0) if begins_before(place, token, encoding) else 0
        roles[token:] = after.role
        roles[token : token + 1] = max(shared, after.role)
    return roles


def token_at(place: int, length: int, encoding: Encoding) -> int:
    """Return the first token at or after a character; a normaliser may have left characters without a token."""
    found = (encoding.char_to_token(character) for character in range(place, length))
    return next((token for token in found if token is not None), len(encoding))


def begins_before(place: int, token: int, encoding: Encoding) -> bool:
    """Whether a token begins before a character, as one does that joins a line end to the indentation after it."""
    characters = encoding.token_to_chars(token) if token < len(encoding) else None
    return characters is not None and characters[0] < place
