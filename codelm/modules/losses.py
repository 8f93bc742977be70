"""The training loss, without the table of all logits.

At 4096 tokens and a vocabulary of 49,152 the logits alone take 0.8 GB in float32, and their gradient as much again.
So the learned positions go through the head a few hundred at a time, and each group's gradient is made while its
logits are still there: what stays is one ``[N, H]`` gradient for the ``N`` learned positions.

torch 2.13 offers `torch.nn.functional.linear_cross_entropy`, whose ``reduction="none"`` could be weighted afterwards.
It is not used: it makes the logits again in the backward pass, which is needless where the weights are known before
(measured on a CPU, forward and backward: ours takes 34 ms against 59 for 1024 positions, 256 wide, of a vocabulary of
4096, and 0.3 s against 2.7 for 768 and 49,152 in bfloat16); it refuses the two types that meet under autocast; and
older torch lacks it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from codelm.batch import IGNORE

CHUNK_ELEMENTS = 2**24
"""Logits that may exist at a time: 64 MiB in float32, 341 positions of StarCoder2's vocabulary."""


def weighted_nll_sum(
    hidden: Tensor,
    head_weight: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    head_bias: Tensor | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> Tensor:
    """Return the sum, over the learned positions, of weight times surprise in nats; a float32 scalar.

    Position ``t`` predicts the label of ``t + 1``; labels of `IGNORE` and labels without weight are dropped before
    the head's product. No learned position gives 0, with zero gradients. Products run in autocast's type where that
    is on, else in the head's; the softmax runs in float32.

    Args:
        hidden: the decoder's last hidden states, ``[B, T, H]``.
        head_weight: the head's matrix, ``[V, H]``, frozen or trained.
        labels: token ids, ``[B, T]``, aligned with the input (shifted here).
        weights: the weight of each label, ``[B, T]``; a gradient does not flow into them.
        head_bias: the head's bias, ``[V]``, if it has one.
        chunk_elements: how many logits may exist at a time.
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
    chunk_elements: int = CHUNK_ELEMENTS,
) -> Tensor:
    """Return the surprise of each label in nats, ``[B, T]`` in float32; 0 where a label is `IGNORE`, and at the start.

    For measuring: no gradient flows. Shapes, shift and types are those of `weighted_nll_sum`.
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
    surprise = torch.zeros(labels.shape, device=hidden.device)
    if parts:
        surprise[:, 1:][learned] = torch.cat(parts)
    return surprise


class _WeightedNLLSum(torch.autograd.Function):
    """The loss of ``N`` chosen positions, whose gradients are made in the forward pass."""

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
        """Go through ``rows`` positions at a time; ``hidden`` is ``[N, H]``, ``labels`` and ``weights`` are ``[N]``."""
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
        ctx.save_for_backward(*gradients.made)
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that the forward pass left."""
        scaled = (None if gradient is None else gradient * outputs[0] for gradient in ctx.saved_tensors)
        return (*scaled, None, None, None, None)


def _to_error(log_probabilities: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Turn log probabilities, ``[n, V]``, in place into the loss's gradient by the logits, and return it."""
    error = log_probabilities.exp_()
    error.scatter_add_(-1, labels[:, None], torch.full_like(weights, -1.0)[:, None])
    return error.mul_(weights[:, None])


class _Gradients:
    """What the backward pass hands out: the gradients of those inputs that want one."""

    def __init__(self, hidden: Tensor, head: Tensor, bias: Tensor | None, *, wanted: list[bool]) -> None:
        self.inputs = hidden, head
        # The head's gradient sums over chunks: in a narrow type it would lose the later ones.
        wide = torch.promote_types(hidden.dtype, torch.float32)
        self.hidden = torch.zeros_like(hidden) if wanted[0] else None
        self.head = torch.zeros_like(head, dtype=wide) if wanted[1] else None
        self.bias = torch.zeros_like(bias, dtype=wide) if bias is not None and wanted[2] else None

    @property
    def made(self) -> tuple[Tensor | None, ...]:
        """The gradients of hidden states, head and bias."""
        return self.hidden, self.head, self.bias

    def add(self, part: slice, error: Tensor) -> None:
        """Add what the positions of ``part`` bring; ``error`` is the loss's gradient by their logits, ``[n, V]``."""
        hidden, head = self.inputs
        narrow = error.to(head.dtype)
        if self.hidden is not None:
            torch.mm(narrow, head, out=self.hidden[part])
        if self.head is not None:
            self.head += narrow.T @ hidden[part]
        if self.bias is not None:
            self.bias += error.sum(0)
