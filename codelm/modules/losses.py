"""The training loss and the nll of each token, computed without all logits in memory at once.

At 4096 tokens and a vocabulary of 49,152 the logits alone take 0.8 GB in float32, and their gradient as much again.
So the head is applied to a few hundred learned positions at a time, and the gradient of each chunk is computed while
its logits are in memory: what stays is one ``[N, H]`` gradient for the ``N`` learned positions.

torch 2.13 has `torch.nn.functional.linear_cross_entropy`, whose ``reduction="none"`` could be weighted afterwards.
It is not used: it computes the logits again in the backward pass, which is needless where the weights are known before
(measured on a CPU, forward and backward: ours takes 34 ms against 59 for 1024 positions, 256 wide, of a vocabulary of
4096, and 0.3 s against 2.7 for 768 and 49,152 in bfloat16); it refuses the two types that meet under autocast; and
older torch lacks it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from codelm.batch import IGNORE

__all__ = ["token_nll", "weighted_nll_sum"]

_CHUNK_ELEMENTS = 2**24
"""Largest number of logits in memory at a time: 64 MiB in float32, 341 positions of StarCoder2's vocabulary."""


def weighted_nll_sum(
    hidden: Tensor,
    head_weight: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    head_bias: Tensor | None = None,
    chunk_elements: int = _CHUNK_ELEMENTS,
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
        chunk_elements: Largest number of logits in memory at a time.
    """
    learned = (labels[:, 1:] != IGNORE) & (weights[:, 1:] != 0)
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else head_weight.dtype
    bias = head_bias if head_bias is None else head_bias.to(dtype)
    inputs = (hidden[:, :-1][learned].to(dtype), head_weight.to(dtype), bias)
    wanted = [torch.is_grad_enabled() and tensor is not None and tensor.requires_grad for tensor in inputs]
    rows = max(1, chunk_elements // head_weight.shape[0])
    with torch.autocast(device, enabled=False):
        total: Tensor = _WeightedNLLSum.apply(  # type: ignore[no-untyped-call]
            *inputs, labels[:, 1:][learned], weights[:, 1:][learned], rows, wanted
        )
    return total


@torch.no_grad()
def token_nll(
    hidden: Tensor,
    head_weight: Tensor,
    labels: Tensor,
    *,
    head_bias: Tensor | None = None,
    chunk_elements: int = _CHUNK_ELEMENTS,
) -> Tensor:
    """Return the nll of each label in nats, ``[B, T]``, float32; 0 where the label is `IGNORE`, and at position 0.

    No gradient is computed. The shift and the types are those of `weighted_nll_sum`.

    Args:
        hidden: The decoder's last hidden states, ``[B, T, H]``.
        head_weight: The head's matrix, ``[V, H]``.
        labels: Token ids, ``[B, T]``, aligned with the input (shifted here).
        head_bias: The head's bias, ``[V]``, if it has one.
        chunk_elements: Largest number of logits in memory at a time.
    """
    learned = labels[:, 1:] != IGNORE
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else head_weight.dtype
    head, bias = head_weight.to(dtype), head_bias if head_bias is None else head_bias.to(dtype)
    rows = max(1, chunk_elements // head_weight.shape[0])
    states, ids = hidden[:, :-1][learned].to(dtype), labels[:, 1:][learned]
    inputs = zip(torch.split(states, rows), torch.split(ids, rows), strict=True)
    with torch.autocast(device, enabled=False):
        parts = [cross_entropy(linear(part, head, bias).float(), ids, reduction="none") for part, ids in inputs]
    nll = torch.zeros(labels.shape, device=hidden.device)
    if parts:
        nll[:, 1:][learned] = torch.cat(parts)
    return nll


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
        gradients = _Gradients(hidden, head, bias, wanted=wanted)
        total = hidden.new_zeros((), dtype=wide)
        for start in range(0, len(hidden), rows):
            part = slice(start, start + rows)
            weight = weights[part].to(wide)
            log_probabilities = torch.log_softmax(linear(hidden[part], head, bias), -1, dtype=wide)
            total -= log_probabilities.gather(-1, labels[part, None]).squeeze(-1) @ weight
            if any(wanted):
                gradients.add(part, _to_error(log_probabilities, labels[part], weight))
        ctx.save_for_backward(*gradients.tensors)
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


class _Gradients:
    """The gradients of hidden states, head and bias, added up chunk by chunk; None for an input that needs none."""

    def __init__(self, hidden: Tensor, head: Tensor, bias: Tensor | None, *, wanted: list[bool]) -> None:
        self.inputs = hidden, head
        # The head's gradient is a sum over chunks: in a narrow type, late ones would be rounded away.
        wide = torch.promote_types(hidden.dtype, torch.float32)
        self.hidden = torch.zeros_like(hidden) if wanted[0] else None
        self.head = torch.zeros_like(head, dtype=wide) if wanted[1] else None
        self.bias = torch.zeros_like(bias, dtype=wide) if bias is not None and wanted[2] else None

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """The gradients of hidden states, head and bias."""
        return self.hidden, self.head, self.bias

    def add(self, part: slice, error: Tensor) -> None:
        """Add the gradients of the positions ``part``; ``error`` is the sum's gradient by their logits, ``[n, V]``."""
        hidden, head = self.inputs
        narrow = error.to(head.dtype)
        if self.hidden is not None:
            torch.mm(narrow, head, out=self.hidden[part])
        if self.head is not None:
            self.head += narrow.T @ hidden[part]
        if self.bias is not None:
            self.bias += error.sum(0)
