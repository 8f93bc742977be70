"""The data of the public "personal copilot" recipe: files, split at random, some of them turned around, in one stream.

Source: pacman100/DHS-LLM-Workshop, personal_copilot/training, read at 0ba4156. It takes the tokens of whole files,
without their names; half of them are cut at two random tokens into prefix, middle and suffix, and half of those come
suffix first; an end of text follows each; rows of constant length are cut from the stream wherever they end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from codelm.errors import InputError
from codelm.evaluation.data import Place
from codelm.history.samples.formats import END, FIM_TOKENS, MIDDLE, PREFIX, SUFFIX
from codelm.history.tokenization.encoding import Encoder

TEST_SIZE = 0.1
FIM_RATE = 0.5
SUFFIX_FIRST_RATE = 0.5

Ids = list[int]


@dataclass(frozen=True, slots=True)
class Cuts:
    """The tokens that stand before the parts of a file."""

    prefix: int
    suffix: int
    middle: int


def cuts_of(encoder: Encoder) -> Cuts | None:
    """Return the tokenizer's own, or None."""
    if not encoder.special >= FIM_TOKENS:
        return None
    return Cuts(*(encoder.sentinels[name] for name in (PREFIX, SUFFIX, MIDDLE)))


def split(files: Mapping[Place, str], seed: int) -> tuple[list[str], list[str]]:
    """Return the texts of a random nine tenths of the files, and of the rest; at least one on either side.

    Raises:
        InputError: There are not two files.

    >>> [len(part) for part in split(dict.fromkeys(map(str, range(20)), "text"), seed=0)]
    [18, 2]
    """
    if len(files) < 2:
        raise InputError(f"{len(files)} files in the training snapshot: the public recipe needs two, to hold one out")
    paths = sorted(files)
    Random(f"split {seed}").shuffle(paths)
    held_out = max(1, round(TEST_SIZE * len(paths)))
    return [files[path] for path in paths[held_out:]], [files[path] for path in paths[:held_out]]


def permuted(ids: Ids, cuts: Cuts, chance: Random) -> Ids:
    """Return a file's tokens as they are, or to be filled in the middle: prefix first or suffix first."""
    if chance.random() >= FIM_RATE:
        return ids
    start, stop = sorted((chance.randint(0, len(ids)), chance.randint(0, len(ids))))
    before, hole, after = ids[:start], ids[start:stop], ids[stop:]
    if chance.random() < SUFFIX_FIRST_RATE:
        return [cuts.prefix, cuts.suffix, *after, cuts.middle, *before, *hole]
    return [cuts.prefix, *before, cuts.suffix, *after, cuts.middle, *hole]


def documents(texts: Sequence[str], encoder: Encoder, seed: int) -> Iterator[Ids]:
    """Yield the tokens of all texts, each with its end, in a new order and cut anew, for ever."""
    cuts, end = cuts_of(encoder), encoder.sentinels[END]
    encoded = [encoder.locate(text)[0] for text in texts]
    chance = Random(f"documents {seed}")
    while True:
        for ids in chance.sample(encoded, len(encoded)):
            yield [*(permuted(ids, cuts, chance) if cuts else ids), end]


def first_tokens(stream: Iterator[Ids], most: int) -> list[Ids]:
    """Return documents of exactly ``most`` tokens together, the last one cut; fewer where the stream ends.

    >>> first_tokens(iter([[1, 2], [3, 4], [5]]), 3)
    [[1, 2], [3]]
    """
    found: list[Ids] = []
    left = most
    while left and (ids := next(stream, None)) is not None:
        found.append(ids[:left])
        left -= len(found[-1])
    return found


def training_documents(texts: Sequence[str], encoder: Encoder, seed: int, tokens: int) -> list[Ids]:
    """Return what a run of so many tokens reads."""
    return first_tokens(documents(texts, encoder, seed), tokens)


def validation_documents(texts: Sequence[str], encoder: Encoder, tokens: int) -> list[Ids]:
    """Return each held-out text once, up to so many tokens."""
    return first_tokens(islice(documents(texts, encoder, 0), len(texts)), tokens)
