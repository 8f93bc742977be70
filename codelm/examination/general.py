"""What training cost elsewhere: bits per byte on code that is not the repository's."""

from collections.abc import Sequence
from typing import Any

from codelm.evaluation.general import Text, local, texts
from codelm.evaluation.likelihood import bits_per_byte
from codelm.examination.examinee import Examinee
from codelm.history.encoding import Encoder
from codelm.history.samples import END

LONGEST = 1024
"""Tokens of a part of a text; each part is read without what stands before it."""


def general_cost(examinee: Examinee, encoder: Encoder, read: Sequence[Text]) -> float:
    """Return the nats that texts cost the model as it answers now."""
    parts = [part for text in read for part in parts_of(text.text, encoder, min(LONGEST, examinee.room))]
    return float(sum(cost.sum() for cost in examinee.surprise(parts)))


def parts_of(text: str, encoder: Encoder, length: int) -> list[list[int]]:
    """Return the tokens of a text in parts of at most ``length``, each behind the token that begins a text.

    A tokenizer without that token leaves the first of each part unscored.
    """
    begin = [encoder.sentinels[END]] if END in encoder.sentinels else []
    ids, _ = encoder.locate(text)
    size = length - len(begin)
    return [begin + ids[start : start + size] for start in range(0, len(ids), size)]


def own_bits_per_byte(examinee: Examinee, encoder: Encoder) -> float:
    """Return bits per byte on the general code that travels in the package."""
    return bits_per_byte(general_cost(examinee, encoder, texts()), size_of(texts()))


def general(examinee: Examinee, encoder: Encoder) -> dict[str, Any]:
    """Return the figures of forgetting: of the package's own code, and of local standard libraries apart."""
    sources = by_source([*texts(), *local()])
    found = {name: both(examinee, encoder, read) for name, read in sources.items()}
    own = both(examinee, encoder, texts())
    return own | {"forgetting_percent": 100 * (own["tuned"] / own["base"] - 1), "by_source": found}


def both(examinee: Examinee, encoder: Encoder, read: Sequence[Text]) -> dict[str, Any]:
    """Return the bits per byte of texts, by the base and by the tuned model."""
    size = size_of(read)
    tuned = bits_per_byte(general_cost(examinee, encoder, read), size)
    with examinee.as_base():
        base = bits_per_byte(general_cost(examinee, encoder, read), size)
    return {"bytes": size, "base": base, "tuned": tuned}


def by_source(read: Sequence[Text]) -> dict[str, list[Text]]:
    """Group texts by where they come from."""
    groups: dict[str, list[Text]] = {}
    for text in read:
        groups.setdefault(text.source, []).append(text)
    return groups


def size_of(read: Sequence[Text]) -> int:
    """Return the bytes of texts."""
    return sum(len(text.text.encode()) for text in read)
