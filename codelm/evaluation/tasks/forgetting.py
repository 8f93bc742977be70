"""What training cost elsewhere: bits per byte on code that is not the repository's."""

from collections.abc import Sequence
from typing import Any

from codelm.evaluation.budget import Deadline
from codelm.evaluation.general import Text, local, texts
from codelm.evaluation.model import Examinee
from codelm.history.samples.formats import END
from codelm.history.tokenization.encoding import Encoder
from codelm.metrics.likelihood import bits_per_byte

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


def general(examinee: Examinee, encoder: Encoder, deadline: Deadline) -> dict[str, Any]:
    """Return the figures of forgetting: of the package's own code, and of local standard libraries if there is time.

    The goal is about our own, which is the same on every machine; the libraries stand ``beside`` it, None without time.
    """
    before = deadline.left
    own = {name: both(examinee, encoder, read) for name, read in by_source(texts()).items()}
    beside: dict[str, dict[str, Any] | None] = {}
    for name, read in by_source(local()).items():  # each is about as long as all of our own
        in_time = deadline.left > before - deadline.left
        beside[name] = both(examinee, encoder, read) if in_time else None
    whole = together(list(own.values()))
    forgotten = 100 * (whole["tuned"] / whole["base"] - 1)
    return whole | {"forgetting_percent": forgotten, "by_source": own, "beside": beside}


def together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the bits per byte of several sources as of one.

    >>> together([{"bytes": 1, "base": 1.0, "tuned": 2.0}, {"bytes": 3, "base": 2.0, "tuned": 2.0}])
    {'bytes': 4, 'base': 1.75, 'tuned': 2.0}
    """
    size = sum(part["bytes"] for part in parts)
    return {"bytes": size} | {
        model: sum(part["bytes"] * part[model] for part in parts) / size for model in ("base", "tuned")
    }


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
