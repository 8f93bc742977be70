"""The data of the public "personal copilot" recipe: files, split at random, half of them permuted, in one stream.

Source: pacman100/DHS-LLM-Workshop, personal_copilot/training, read at 0ba4156. It takes the tokens of whole files,
without their names; half of them are cut at two random tokens into prefix, middle and suffix, and half of those come
suffix first; an end of text follows each; rows of constant length are cut from the stream wherever they end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from codelm.errors import InputError
from codelm.evaluation.data import SnapshotPath
from codelm.history.tokenization.encoder import Encoder
from codelm.special_tokens import MIDDLE, PREFIX, SUFFIX

__all__ = ["FimIds", "Ids", "documents", "first_tokens", "permute", "split"]

_TEST_SIZE = 0.1
_FIM_RATE = 0.5
_SUFFIX_FIRST_RATE = 0.5

Ids = list[int]


@dataclass(frozen=True, slots=True)
class FimIds:
    """Ids of the special tokens before the parts of a file that is to be filled in the middle."""

    prefix: int
    suffix: int
    middle: int


def split(files: Mapping[SnapshotPath, str], seed: int) -> tuple[list[str], list[str]]:
    """Return the texts of a random nine tenths of the files, and of the rest; at least one on either side."""
    if len(files) < 2:
        raise InputError(f"{len(files)} files in the training snapshot: the public recipe needs two, to hold one out")
    paths = sorted(files)
    Random(f"split {seed}").shuffle(paths)
    held_out = max(1, round(_TEST_SIZE * len(paths)))
    return [files[path] for path in paths[held_out:]], [files[path] for path in paths[:held_out]]


def permute(ids: Ids, fim: FimIds, random: Random) -> Ids:
    """Return a file's tokens as they are, or to be filled in the middle: prefix first or suffix first."""
    if random.random() >= _FIM_RATE:
        return ids
    start, stop = sorted((random.randint(0, len(ids)), random.randint(0, len(ids))))
    prefix, middle, suffix = ids[:start], ids[start:stop], ids[stop:]
    if random.random() < _SUFFIX_FIRST_RATE:
        return [fim.prefix, fim.suffix, *suffix, fim.middle, *prefix, *middle]
    return [fim.prefix, *prefix, fim.suffix, *suffix, fim.middle, *middle]


def documents(texts: Sequence[str], encoder: Encoder, seed: int) -> Iterator[Ids]:
    """Yield the tokens of all texts, each with an end of text, without end: each pass in another order, cut anew."""
    ids_of = encoder.special_ids
    fim = (
        FimIds(ids_of[PREFIX], ids_of[SUFFIX], ids_of[MIDDLE])
        if encoder.format.infill_tokens == (PREFIX, SUFFIX, MIDDLE)
        else None
    )
    end = [ids_of[encoder.format.end]] if encoder.format.end else []
    encoded = [encoder.locate(text)[0] for text in texts]
    random = Random(f"documents {seed}")
    while True:
        for ids in random.sample(encoded, len(encoded)):
            yield [*(permute(ids, fim, random) if fim else ids), *end]


def first_tokens(stream: Iterator[Ids], most: int) -> list[Ids]:
    """Return documents of exactly ``most`` tokens together, the last one cut; fewer where the stream ends."""
    found: list[Ids] = []
    left = most
    while left and (ids := next(stream, None)) is not None:
        found.append(ids[:left])
        left -= len(found[-1])
    return found
