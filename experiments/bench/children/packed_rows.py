"""Rows of tokens to train on: real text, the same for all builds and peers."""

import argparse
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import torch

__all__ = ["sample_lengths", "token_rows", "training_batch"]

_MEAN_LENGTH = 300
_SHORTEST = 32


def token_rows(tokenizer: Any, rows: int, tokens: int) -> list[list[int]]:
    """Return rows of token ids, read one after the other from modules of Python's standard library.

    Args:
        tokenizer: The base's tokenizer.
        rows: How many.
        tokens: Tokens in each.
    """
    ids: list[int] = []
    for file in sorted(Path(argparse.__file__).parent.glob("*.py")):
        ids += tokenizer(file.read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"]
        if len(ids) >= rows * tokens:
            break
    return [ids[start : start + tokens] for start in range(0, rows * tokens, tokens)]


def sample_lengths(total: int, random: Random) -> list[int]:
    """Return the lengths of the samples that fill a row of ``total`` tokens, as those of a history are distributed.

    >>> sum(sample_lengths(1024, Random(0)))
    1024
    """
    lengths: list[int] = []
    while (left := total - sum(lengths)) > 0:
        drawn = max(_SHORTEST, int(random.expovariate(1 / _MEAN_LENGTH)))
        lengths.append(min(left, drawn))
    return lengths


def training_batch(rows: list[list[int]], random: Random) -> dict[str, torch.Tensor]:
    """Return rows of equal length as a batch in the sense of `codelm.batch`, every token of each sample learned."""
    input_ids = torch.tensor(rows)
    position_ids = torch.tensor([list(_positions(sample_lengths(len(row), random))) for row in rows])
    return {
        "input_ids": input_ids,
        "position_ids": position_ids,
        "labels": input_ids.clone(),
        "weights": torch.ones(input_ids.shape),
        "step_weight": (position_ids != 0).sum().float(),
    }


def _positions(lengths: list[int]) -> Iterator[int]:
    """Yield the position of each token in its sample."""
    starts = [0, *accumulate(lengths)]
    return (
        place - start for start, length in zip(starts, lengths, strict=False) for place in range(start, start + length)
    )
