"""The training loss and the nll of each token, computed without all logits in memory at once.

The head is applied to a few hundred learned positions at a time, and the gradient of each chunk is computed while its
logits are in memory: what stays is one ``[N, H]`` gradient for the ``N`` learned positions.

`torch.nn.functional.linear_cross_entropy` of torch 2.13 computes the logits again in the backward pass and refuses the
two types that meet under autocast. Measured on a CPU, forward and backward, for 768 positions of a vocabulary of 49,152
in bfloat16: it takes 2.7 s, ours 0.3 s.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from codelm.batch import IGNORE

__all__ = ["Choices", "chunk_size", "learned_nll_sum", "token_nll", "weighted_nll_sum"]

Choices = Mapping[tuple[int, int], Sequence[int]]
"""By row and place of a label, the token ids among which it is chosen."""

_CHUNK_ELEMENTS = 2**24
"""Largest number of logits in memory at a time: 64 MiB in float32, 341 positions of StarCoder2's vocabulary."""
_ELEMENTS_PER_WIDTH_OF_CPU = 2**14
"""The same on a CPU, for each of the hidden states' numbers: fewer logits stay in its caches between the passes over
them, and for more of them the wider the head is, the less often it is read. Seconds for so many logits at a time
(float32, one core of an AMD EPYC with AVX2, best of three):

| vocabulary x width, positions | 2**21 | 2**22 | 2**23 | 2**24 |
|---|---|---|---|---|
| 16,384 x 256, 2,048 | 0.90 | 1.04 | 1.19 | 1.17 |
| 49,152 x 256, 2,048 | 3.97 | 3.18 | 3.31 | 3.39 |
| 49,152 x 768, 1,024 | 5.13 | 3.93 | 3.48 | 3.43 |
| 49,152 x 3,072, 256 | 4.59 | 3.94 | 3.08 | 2.75 |
"""


def weighted_nll_sum(
    hidden: Tensor,
    head_weight: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    head_bias: Tensor | None = None,
    chunk_elements: int | None = None,
) -> Tensor:
    """Return the sum of weight times nll over the learned positions, in nats; a float32 scalar.

    Position ``t`` predicts the label of ``t + 1``; positions whose label is `IGNORE` or has weight 0 are dropped before
    the head is applied. Without any learned position the sum and its gradients are 0. Products are computed in
    autocast's type where that is on, else in the head's; the softmax is computed in float32.

    Args:
        hidden: The decoder's last hidden states, ``[B, T, H]``.
        head_weight: The head's matrix, ``[V, H]``, frozen or trained.
        labels: Token ids, ``[B, T]``, aligned with the input (shifted here).
        weights: The weight of each label, ``[B, T]``; they get no gradient.
        head_bias: The head's bias, ``[V]``, if it has one.
        chunk_elements: Largest number of logits in memory at a time; None for what suits the device.
    """
    learned = (labels[:, 1:] != IGNORE) & (weights[:, 1:] != 0)
    of_learned = hidden[:, :-1][learned], labels[:, 1:][learned], weights[:, 1:][learned]
    return learned_nll_sum(*of_learned, head_weight, head_bias, chunk_elements=chunk_elements)


def learned_nll_sum(
    states: Tensor,
    labels: Tensor,
    weights: Tensor,
    head_weight: Tensor,
    head_bias: Tensor | None = None,
    *,
    chunk_elements: int | None = None,
) -> Tensor:
    """Return the sum of weight times nll of ``N`` learned labels, as `weighted_nll_sum`.

    Args:
        states: The hidden states that predict them, ``[N, H]``.
        labels: Their token ids, ``[N]``.
        weights: Their weights, ``[N]``.
        head_weight: The head's matrix, ``[V, H]``.
        head_bias: The head's bias, ``[V]``, if it has one.
        chunk_elements: Largest number of logits in memory at a time; None for what suits the device.
    """
    inputs = _in_type_of_product(states, head_weight, head_bias)
    wanted = [torch.is_grad_enabled() and tensor is not None and tensor.requires_grad for tensor in inputs]
    rows = _rows_of_chunk(chunk_elements, head_weight)
    with torch.autocast(states.device.type, enabled=False):
        total: Tensor = _WeightedNLLSum.apply(*inputs, labels, weights, rows, wanted)  # type: ignore[no-untyped-call]
    return total


@torch.no_grad()
def token_nll(
    hidden: Tensor,
    head_weight: Tensor,
    labels: Tensor,
    *,
    head_bias: Tensor | None = None,
    choices: Choices | None = None,
    chunk_elements: int | None = None,
) -> Tensor:
    """Return the nll of each label in nats, ``[B, T]``, float32; 0 where the label is `IGNORE`, and at position 0.

    No gradient is computed. The shift and the types are those of `weighted_nll_sum`.

    Args:
        hidden: The decoder's last hidden states, ``[B, T, H]``.
        head_weight: The head's matrix, ``[V, H]``.
        labels: Token ids, ``[B, T]``, aligned with the input (shifted here).
        head_bias: The head's bias, ``[V]``, if it has one.
        choices: The tokens among which some of the learned labels are chosen: all others are ruled out there.
        chunk_elements: Largest number of logits in memory at a time; None for what suits the device.
    """
    learned = labels[:, 1:] != IGNORE
    states, head, bias = _in_type_of_product(hidden[:, :-1][learned], head_weight, head_bias)
    rows = _rows_of_chunk(chunk_elements, head_weight)
    chunks = zip(torch.split(states, rows), torch.split(labels[:, 1:][learned], rows), strict=True)
    nll = torch.zeros(labels.shape, device=hidden.device)
    with torch.autocast(hidden.device.type, enabled=False):
        parts = [cross_entropy(linear(part, head, bias).float(), ids, reduction="none") for part, ids in chunks]
        if parts:
            nll[:, 1:][learned] = torch.cat(parts)
        for (row, place), tokens in (choices or {}).items():
            logits = linear(hidden[row, place - 1].to(head.dtype), head, bias).float()
            nll[row, place] += logits[tokens].logsumexp(0) - logits.logsumexp(0)
    return nll


def chunk_size(device: str, width: int) -> int:
    """Return the largest number of logits that are in memory at a time.

    Args:
        device: The type of the device, as torch names it.
        width: Numbers of a hidden state.
    """
    return min(_CHUNK_ELEMENTS, _ELEMENTS_PER_WIDTH_OF_CPU * width) if device == "cpu" else _CHUNK_ELEMENTS


def _rows_of_chunk(elements: int | None, head: Tensor) -> int:
    """Return how many positions have so many logits; None for what suits the device."""
    return max(1, (elements or chunk_size(head.device.type, head.shape[1])) // head.shape[0])


def _in_type_of_product(states: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return hidden states and the head's matrix and bias in the type of their product."""
    device = states.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    return states.to(dtype), weight.to(dtype), bias if bias is None else bias.to(dtype)


class _WeightedNLLSum(torch.autograd.Function):
    """The weighted sum of nll over ``N`` positions, whose gradients are computed in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        weights: Tensor,
        rows: int,
        wanted: list[bool],
    ) -> Tensor:
        """Return the sum, a scalar, and save the gradients.

        Args:
            ctx: Autograd's context.
            hidden: The hidden states, ``[N, H]``.
            head: The head's matrix, ``[V, H]``.
            bias: The head's bias, ``[V]``, if it has one.
            labels: The token id to predict from each state, ``[N]``.
            weights: The weight of each label, ``[N]``.
            rows: Number of positions in a chunk.
            wanted: Whether hidden states, head and bias need a gradient.
        """
        wide = torch.promote_types(hidden.dtype, torch.float32)
        # Those of head and bias are sums over chunks: in a narrow type, late ones would be rounded away.
        inputs = ((hidden, hidden.dtype), (head, wide), (bias, wide))
        gradients = [
            torch.zeros_like(tensor, dtype=dtype) if tensor is not None and needed else None
            for (tensor, dtype), needed in zip(inputs, wanted, strict=True)
        ]
        total = hidden.new_zeros((), dtype=wide)
        for start in range(0, len(hidden), rows):
            part = slice(start, start + rows)
            weight = weights[part].to(wide)
            log_probabilities = torch.log_softmax(linear(hidden[part], head, bias), -1, dtype=wide)
            total -= log_probabilities.gather(-1, labels[part, None]).squeeze(-1) @ weight
            if any(wanted):
                error = _to_error(log_probabilities, labels[part], weight)
                _add_gradients(gradients, hidden, head, part, error)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the forward pass, scaled by that of the sum."""
        scaled = (None if gradient is None else gradient * outputs[0] for gradient in ctx.saved_tensors)
        return (*scaled, None, None, None, None)


def _to_error(log_probabilities: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Turn log probabilities, ``[n, V]``, in place into the sum's gradient by the logits, and return it."""
    error = log_probabilities.exp_()
    error.scatter_add_(-1, labels[:, None], torch.full_like(weights, -1.0)[:, None])
    return error.mul_(weights[:, None])


def _add_gradients(gradients: list[Tensor | None], hidden: Tensor, head: Tensor, part: slice, error: Tensor) -> None:
    """Add the gradients of a chunk of positions.

    Args:
        gradients: Those of hidden states, head and bias; None for an input that needs none.
        hidden: The hidden states, ``[N, H]``.
        head: The head's matrix, ``[V, H]``.
        part: Which positions.
        error: The sum's gradient by their logits, ``[n, V]``.
    """
    of_hidden, of_head, of_bias = gradients
    narrow = error.to(head.dtype)
    if of_hidden is not None:
        torch.mm(narrow, head, out=of_hidden[part])
    if of_head is not None:
        of_head += narrow.T @ hidden[part]
    if of_bias is not None:
        of_bias += error.sum(0)
