"""Batches of packed rows, the contract between data and model: contents, collation, and which labels are learned."""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor

__all__ = ["IGNORE", "Batch", "WeightedTokens", "collate", "learned_labels", "learned_tokens", "learned_weights"]

IGNORE = -100
"""The label of a position that is not learned."""


class Batch(TypedDict):
    """Packed rows, ready for a causal language model; ``B`` rows of ``T`` positions."""

    input_ids: Tensor
    """Token ids, ``[B, T]``, int64."""
    position_ids: Tensor
    """Positions, ``[B, T]``, int64; a restart at 0 marks a new sample, which may not see the one before."""
    labels: Tensor
    """The ids of `input_ids` that are learned, ``[B, T]``, int64, `IGNORE` elsewhere; the model shifts them."""
    weights: Tensor
    """The loss weight of each label, ``[B, T]``, float32."""
    step_weight: Tensor
    """The sum of the label weights of the batch's whole optimizer step, divided by the ranks; a scalar, float32."""


class WeightedTokens(NamedTuple):
    """The tokens of one sample, ``[T]``, int64, and the loss weight of each, ``[T]``, float32."""

    ids: Tensor
    weights: Tensor


def collate(rows: Sequence[Sequence[WeightedTokens]], *, step_weight: float = 1.0, multiple_of: int = 1) -> Batch:
    """Return rows of samples as a batch, padded to the longest of them, rounded up to a multiple of ``multiple_of``.

    Tokens of weight 0 are not learned. The padding of a row is a sample of its own, with positions that count on:
    zeros would make each padded position a sample.
    """
    lengths = [sum(len(sample.ids) for sample in row) for row in rows]
    width = -(-max(1, *lengths) // multiple_of) * multiple_of
    padded = [[*row, _padding(width - length)] for row, length in zip(rows, lengths, strict=True)]
    input_ids = torch.stack([torch.cat([sample.ids for sample in row]) for row in padded])
    weights = torch.stack([torch.cat([sample.weights for sample in row]) for row in padded])
    return Batch(
        input_ids=input_ids,
        position_ids=torch.stack([torch.cat([torch.arange(len(sample.ids)) for sample in row]) for row in padded]),
        labels=input_ids.masked_fill(weights == 0, IGNORE),
        weights=weights,
        step_weight=torch.tensor(step_weight, dtype=torch.float32),
    )


def _padding(length: int) -> WeightedTokens:
    """Return a sample of ``length`` tokens of which none is learned."""
    return WeightedTokens(torch.zeros(length, dtype=torch.int64), torch.zeros(length))


def learned_labels(batch: Batch) -> Tensor:
    """Return the learned labels, ``[B, T]``, `IGNORE` elsewhere and at a sample's first token: nothing predicts it."""
    return batch["labels"].masked_fill(batch["position_ids"] == 0, IGNORE)


def learned_weights(batch: Batch) -> Tensor:
    """Return the loss weight of each label, ``[B, T]``, 0 where none is learned (see `learned_labels`)."""
    return batch["weights"].masked_fill(learned_labels(batch) == IGNORE, 0)


def learned_tokens(batch: Batch) -> Tensor:
    """Return the number of labels with weight, a scalar on the batch's device."""
    return (learned_weights(batch) > 0).sum()
