"""One forward and backward pass of the loss alone."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from codelm.modules.losses import weighted_nll_sum

__all__ = ["chunked", "full"]

_TOKENS, _WIDTH, _VOCABULARY = 1024, 768, 49_152
_TIMES = 3


def chunked() -> dict[str, Any]:
    """Measure codelm's loss, which never holds all logits at once."""
    return _measure(lambda hidden, head, labels: weighted_nll_sum(hidden, head, labels, torch.ones(labels.shape)))


def full() -> dict[str, Any]:
    """Measure PyTorch's cross entropy of all logits."""
    return _measure(
        lambda hidden, head, labels: cross_entropy((hidden @ head.T)[0, :-1], labels[0, 1:], reduction="sum")
    )


def _measure(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> dict[str, Any]:
    """Return the best time of a few passes.

    ``loss`` takes hidden states ``[1, T, width]``, the head's weights ``[vocabulary, width]`` and labels ``[1, T]``.
    """
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, _TOKENS, _WIDTH, generator=generator)
    head = torch.randn(_VOCABULARY, _WIDTH, generator=generator) / _WIDTH**0.5
    labels = torch.randint(_VOCABULARY, (1, _TOKENS), generator=generator)
    seconds = []
    for _ in range(_TIMES):
        began = time.monotonic()
        value = loss(hidden.clone().requires_grad_(), head, labels)
        torch.autograd.backward(value)
        seconds.append(time.monotonic() - began)
    return {"seconds": min(seconds), "loss": value.item()}
