"""Forgetting: bits per byte of general code, which is not the repository's, by the base and by the tuned model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from codelm.evaluation.general import Text, library_texts, own_texts
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.likelihood import bits_per_byte

__all__ = ["forgetting", "own_bits_per_byte", "token_chunks"]

_CHUNK_TOKENS = 1024
"""Tokens of a chunk of a text; each chunk is scored without the text before it."""


def forgetting(evaluated: EvaluatedModel, encoder: Encoder, budget: TimeBudget) -> dict[str, Any]:
    """Return bits per byte, and by how many percent the tuned model has more.

    They are of the package's own texts, which are the same on every machine. The installed standard libraries come
    apart from them, under ``beside``; None where no time was left. ``files`` are how many were read of how many.

    Raises:
        UnmeasuredError: There was no time for any of the package's own texts.
    """
    own, library = own_texts(), library_texts()
    files = [*Random(0).sample(own, len(own)), *library]
    measured = evaluated.in_time(files, partial(_base_and_tuned, evaluated, encoder), budget)
    if not measured:
        raise UnmeasuredError("no time was left to read general code: raise evaluation.minutes")
    rows = {id(file): row for file, row in zip(files, measured, strict=False)}
    by_source, beside = (_by_source(texts, rows) for texts in (own, library))
    whole = _pooled([each for each in by_source.values() if each])
    wanted = Counter(file.source for file in files)
    read = Counter(file.source for file in files[: len(measured)])
    return whole | {
        "forgetting_percent": 100 * (whole["tuned"] / whole["base"] - 1),
        "by_source": {name: each for name, each in by_source.items() if each},
        "beside": beside,
        "files": {name: {"read": read[name], "of": count} for name, count in wanted.items()},
    }


def _by_source(files: Sequence[Text], rows: Mapping[int, dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Return the figures of each source, of those of its files that were read; None where none was."""
    groups: dict[str, list[dict[str, Any]]] = {file.source: [] for file in files}
    for file in files:
        groups[file.source] += [rows[id(file)]] if id(file) in rows else []
    return {source: _pooled(found) if found else None for source, found in groups.items()}


def own_bits_per_byte(evaluated: EvaluatedModel, encoder: Encoder) -> float:
    """Return bits per byte of the package's own texts, by the model in its present state."""
    return _bits_per_byte(evaluated, encoder, own_texts())


def _base_and_tuned(evaluated: EvaluatedModel, encoder: Encoder, file: Text) -> dict[str, Any]:
    """Return the bytes of a file, and bits per byte by the base and by the tuned model."""
    tuned = _bits_per_byte(evaluated, encoder, [file])
    with evaluated.as_base():
        base = _bits_per_byte(evaluated, encoder, [file])
    return {"bytes": len(file.text.encode()), "base": base, "tuned": tuned}


def _bits_per_byte(evaluated: EvaluatedModel, encoder: Encoder, files: Sequence[Text]) -> float:
    """Return bits per byte of files, by the model in its present state."""
    length = min(_CHUNK_TOKENS, evaluated.max_tokens)
    chunks = [chunk for file in files for chunk in token_chunks(file.text, encoder, length)]
    nats = float(sum(nll.sum() for nll in evaluated.token_nll(chunks)))
    return bits_per_byte(nats, sum(len(file.text.encode()) for file in files))


def token_chunks(text: str, encoder: Encoder, length: int) -> list[list[int]]:
    """Return the token ids of a text in chunks of at most ``length``, each after the special token that begins a text.

    Without that token, the first one of each chunk is not scored.
    """
    names = (encoder.format.begin, encoder.format.end)
    begin = [encoder.special_ids[name] for name in names if name in encoder.special_ids][:1]
    ids, _ = encoder.locate(text)
    size = length - len(begin)
    return [begin + ids[start : start + size] for start in range(0, len(ids), size)]


def _pooled(sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the bits per byte of several sources taken together."""
    size = sum(each["bytes"] for each in sources)
    return {"bytes": size} | {
        model: sum(each["bytes"] * each[model] for each in sources) / size for model in ("base", "tuned")
    }
