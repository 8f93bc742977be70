"""Forgetting: bits per byte of general code, which is not the repository's, by the base and by the tuned model."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from codelm.evaluation.general import Text, library_texts, own_texts
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.likelihood import bits_per_byte
from codelm.special_tokens import END_OF_TEXT

__all__ = ["forgetting", "own_bits_per_byte", "token_chunks"]

_CHUNK_TOKENS = 1024
"""Tokens of a chunk of a text; each chunk is scored without the text before it."""


def forgetting(evaluated: EvaluatedModel, encoder: Encoder, budget: TimeBudget) -> dict[str, Any]:
    """Return bits per byte, and by how many percent the tuned model has more.

    They are of the package's own texts, which are the same on every machine. The installed standard libraries come
    apart from them, under ``beside``; None where no time was left.
    """
    before = budget.seconds_left
    own = {name: _base_and_tuned(evaluated, encoder, files) for name, files in _by_source(own_texts())}
    beside: dict[str, dict[str, Any] | None] = {}
    for name, files in _by_source(library_texts()):  # each is as long as all own texts, and takes as much time
        in_time = budget.seconds_left > before - budget.seconds_left
        beside[name] = _base_and_tuned(evaluated, encoder, files) if in_time else None
    whole = _pooled(list(own.values()))
    change = 100 * (whole["tuned"] / whole["base"] - 1)
    return whole | {"forgetting_percent": change, "by_source": own, "beside": beside}


def own_bits_per_byte(evaluated: EvaluatedModel, encoder: Encoder) -> float:
    """Return bits per byte of the package's own texts, by the model in its present state."""
    return _files_bits_per_byte(evaluated, encoder, own_texts())


def _base_and_tuned(evaluated: EvaluatedModel, encoder: Encoder, files: Sequence[Text]) -> dict[str, Any]:
    """Return the bytes of files, and bits per byte by the base and by the tuned model."""
    tuned = _files_bits_per_byte(evaluated, encoder, files)
    with evaluated.as_base():
        base = _files_bits_per_byte(evaluated, encoder, files)
    return {"bytes": sum(len(file.text.encode()) for file in files), "base": base, "tuned": tuned}


def _files_bits_per_byte(evaluated: EvaluatedModel, encoder: Encoder, files: Sequence[Text]) -> float:
    """Return bits per byte of files, by the model in its present state."""
    length = min(_CHUNK_TOKENS, evaluated.max_tokens)
    chunks = [chunk for file in files for chunk in token_chunks(file.text, encoder, length)]
    nats = float(sum(nll.sum() for nll in evaluated.token_nll(chunks)))
    return bits_per_byte(nats, sum(len(file.text.encode()) for file in files))


def token_chunks(text: str, encoder: Encoder, length: int) -> list[list[int]]:
    """Return the token ids of a text in chunks of at most ``length``, each after the special token that begins a text.

    Without that token, the first one of each chunk is not scored.
    """
    begin = [encoder.special_ids[END_OF_TEXT]] if END_OF_TEXT in encoder.special_ids else []
    ids, _ = encoder.locate(text)
    size = length - len(begin)
    return [begin + ids[start : start + size] for start in range(0, len(ids), size)]


def _pooled(sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the bits per byte of several sources taken together."""
    size = sum(each["bytes"] for each in sources)
    return {"bytes": size} | {
        model: sum(each["bytes"] * each[model] for each in sources) / size for model in ("base", "tuned")
    }


def _by_source(files: Iterable[Text]) -> Iterator[tuple[str, list[Text]]]:
    """Yield each source with its files, which come one after another."""
    return ((source, list(group)) for source, group in groupby(files, attrgetter("source")))
