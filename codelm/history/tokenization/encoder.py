"""Samples encoded to token ids.

The text of a file is encoded as text, even where it spells the name of a special token; special tokens are inserted by
their ids. All text between two special tokens is tokenised together, as it will be in a prompt: tokenising it piece by
piece would teach the model tokens that no prompt has, such as a line end apart from the indentation after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.history.samples.pieces import Kind, Run, Sample, token_runs
from codelm.history.samples.prompts import Prompt
from codelm.history.tokenization.roles import token_roles
from codelm.history.tokenization.tokenizer import (
    Tokenizer,
    beginning,
    check_special_token,
    fingerprint,
    largest_id,
    refuse_equal_ids,
    text_only,
    without_leading_space,
)
from codelm.special_tokens import STARCODER2, PromptFormat
from codelm.token_healing import HealedPrompt

if TYPE_CHECKING:
    from tokenizers import Encoding

__all__ = ["Encoded", "Encoder", "MakeSamples", "encode_within"]

_SHORTEST_ROW = 32
"""The shortest row, in tokens, that is worth cutting samples for."""
_BATCH_CHARACTERS = 1 << 20
"""Characters tokenised at a time; the tokenizer holds a hundred bytes for each token until the batch is done."""
_COUNTED = 1 << 14
"""Texts whose tokens are counted at a time; the tokenizer holds hundreds of bytes for each until the batch is done."""
_KEPT_CHARACTERS, _KEPT_COUNTS = 512, 1 << 18
"""The most characters of a text whose number of tokens is kept, and the most numbers: 50 MB with texts as lines are."""
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
        wanted_format: The format that samples are to be written in; one that names no beginning of a text takes the
            tokenizer's, if that puts one before each text.
        special_ids: The special tokens of the format that the tokenizer has, with their ids; its own end of sequence
            stands in where it has no end of text by the format's name.
        special: The names alone.
        format: What the tokenizer has of the format.
        starts: Ids of the special tokens after which text begins as a file does.
        largest_id: No text, and no special token of the format, becomes a larger token id.
        fingerprint: SHA-256 that changes with anything that could change a token.

    Raises:
        InputError: The tokenizer is not a fast one, splits a special token, finds one in ordinary text, or has one id
            for two.
    """

    def __init__(self, tokenizer: Tokenizer, wanted_format: PromptFormat = STARCODER2) -> None:
        if not hasattr(tokenizer, "backend_tokenizer"):
            raise InputError(f"{type(tokenizer).__name__} has no tokenizer.json: give a base with a fast tokenizer")
        backend = tokenizer.backend_tokenizer
        self._backend = text_only(backend)
        self._inside = without_leading_space(self._backend)
        self._kept_counts: dict[str, int] = {}
        wanted_format = replace(wanted_format, begin=wanted_format.begin or beginning(backend))
        self.wanted_format, names = wanted_format, wanted_format.tokens
        self.special_ids = {name: token for name in names if (token := backend.token_to_id(name)) is not None}
        for name, token in self.special_ids.items():
            check_special_token(name, token, backend, self._backend)
        inner = (*wanted_format.heading_tokens, *wanted_format.infill_tokens)
        refuse_equal_ids({name: self.special_ids[name] for name in inner if name in self.special_ids}, tokenizer)
        if wanted_format.end is not None and tokenizer.eos_token_id is not None:
            self.special_ids.setdefault(wanted_format.end, tokenizer.eos_token_id)
        self.special = frozenset(self.special_ids)
        self.format = wanted_format.within(self.special)
        self.starts = frozenset(self.special_ids[name] for name in self.format.starts)
        self.largest_id = largest_id(self._backend, self.special_ids)
        self.fingerprint = fingerprint(self._backend, self.special_ids)

    def has_token(self, name: str) -> bool:
        """Return whether the tokenizer has a token of that name."""
        return self._backend.token_to_id(name) is not None

    @property
    def special_names(self) -> frozenset[str]:
        """The names of all special tokens of the tokenizer, also those of no format; in a text they are text."""
        added = self._backend.get_added_tokens_decoder().values()
        return frozenset(token.content for token in added if token.special)

    def format_facts(self) -> dict[str, Any]:
        """Return the format and the ids of its special tokens, as values that JSON can hold."""
        return {**asdict(self.format), "ids": dict(self.special_ids)}

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        kept = self._kept_counts
        if len(kept) > _KEPT_COUNTS:
            kept.clear()
        # A history returns to the same paths and lines again and again.
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        counted = dict(zip(new, self._count(new), strict=True)) if new else {}
        kept.update((text, tokens) for text, tokens in counted.items() if len(text) <= _KEPT_CHARACTERS)
        return [counted[text] if text in counted else kept[text] for text in texts]

    def encode(self, samples: Sequence[Sample]) -> list[Encoded]:
        """Return the tokens of each sample; many samples at a time keep all cores busy."""
        return [encoded for batch in _batches(samples) for encoded in self._encode(batch)]

    def encode_prompts(self, prompts: Sequence[Prompt]) -> list[HealedPrompt]:
        """Return the token ids of each prompt, with what was typed behind them."""
        encoded = self.encode([each.sample for each in prompts])
        return [HealedPrompt(one.ids.tolist(), each.typed) for one, each in zip(encoded, prompts, strict=True)]

    def decode(self, ids: Sequence[int], *, inside: bool = False) -> str:
        """Return the text of token ids; ``inside`` a sample no space is put before it, where a tokenizer does so."""
        return (self._inside if inside else self._backend).decode(list(ids), skip_special_tokens=False)

    def locate(self, text: str, *, inside: bool = False) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the token ids of a text, and the start and end of each token in it, in characters."""
        backend = self._inside if inside else self._backend
        encoding = backend.encode_batch([text], add_special_tokens=False)[0]
        return encoding.ids, encoding.offsets

    def _count(self, texts: Sequence[str]) -> list[int]:
        batches = (list(texts[start : start + _COUNTED]) for start in range(0, len(texts), _COUNTED))
        encodings = (self._backend.encode_batch_fast(batch, add_special_tokens=False) for batch in batches)
        return [len(encoding) for batch in encodings for encoding in batch]

    def _encode(self, samples: Sequence[Sample]) -> list[Encoded]:
        runs = [list(token_runs(sample.pieces)) for sample in samples]
        texts: dict[bool, list[str]] = {False: [], True: []}
        for run in chain.from_iterable(runs):
            if not run.pieces[0].special:
                texts[self._is_inside(run)].append("".join(piece.text for piece in run.pieces))
        encodings = {
            inside: iter(backend.encode_batch(texts[inside], add_special_tokens=False))
            for inside, backend in ((False, self._backend), (True, self._inside))
        }
        return [self._assemble(sample.kind, run, encodings) for sample, run in zip(samples, runs, strict=True)]

    def _is_inside(self, run: Run) -> bool:
        """Return whether a run of text goes on with a text, and does not begin as a file does."""
        before = run.follows
        return before is not None and not (before.special and self.special_ids[before.text] in self.starts)

    def _assemble(self, kind: Kind, runs: Sequence[Run], encodings: "Mapping[bool, Iterator[Encoding]]") -> Encoded:
        ids: list[int] = []
        roles = bytearray()
        for run in runs:
            first = run.pieces[0]
            if first.special:
                ids.append(self.special_ids[first.text])
                roles.append(first.role)
            else:
                encoding = next(encodings[self._is_inside(run)])
                ids.extend(encoding.ids)
                roles += token_roles(run.pieces, encoding)
        return Encoded(np.array(ids, np.uint32), np.frombuffer(roles, np.uint8), kind)


def encode_within(makers: Sequence[MakeSamples], encoder: Encoder, max_tokens: int) -> list[list[Encoded]]:
    """Return the encoded samples of each maker, none longer than ``max_tokens`` tokens.

    A maker estimates lengths from parts, and tokenizers are not additive: where a sample came out too long, all samples
    of its maker are made again for a shorter row, so that each target stays in exactly one of them.

    Raises:
        InputError: ``max_tokens`` is below `_SHORTEST_ROW`, or a single character takes more tokens than that.
    """
    if max_tokens < _SHORTEST_ROW:
        raise InputError(f"data.sequence_length {max_tokens} is too short: give at least {_SHORTEST_ROW}")
    results: list[list[Encoded]] = [[] for _ in makers]
    row_lengths = dict.fromkeys(range(len(makers)), max_tokens)
    while row_lengths:
        groups = _encode_groups([makers[index](length) for index, length in row_lengths.items()], encoder)
        for index, group in zip(row_lengths, groups, strict=True):
            results[index] = group
        row_lengths = {
            index: _shorter_row(length, max_tokens, _longest(results[index]))
            for index, length in row_lengths.items()
            if _longest(results[index]) > max_tokens
        }
    return results


def _encode_groups(groups: Sequence[Sequence[Sample]], encoder: Encoder) -> list[list[Encoded]]:
    encoded = iter(encoder.encode([sample for group in groups for sample in group]))
    return [[next(encoded) for _ in group] for group in groups]


def _longest(encoded: Sequence[Encoded]) -> int:
    return max((len(each.ids) for each in encoded), default=0)


def _shorter_row(row_length: int, max_tokens: int, sample_length: int) -> int:
    """Return the row length to try after ``row_length`` made a sample of more than ``max_tokens`` tokens."""
    if row_length == 1:
        raise InputError(
            f"data.sequence_length {max_tokens} cannot hold one character: give more, or another tokenizer"
        )
    return max(1, min(row_length - (sample_length - max_tokens), row_length * max_tokens // sample_length))


def _batches(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Yield the samples in their order, in batches that end once they have so many characters."""
    batch: list[Sample] = []
    length = 0
    for sample in samples:
        batch.append(sample)
        length += sum(len(piece.text) for piece in sample.pieces)
        if length >= _BATCH_CHARACTERS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch
