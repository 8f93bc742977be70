"""Optimizers and the learning rate schedule."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from codelm.errors import InputError
from codelm.modules.adapters import paged_adamw_8bit

__all__ = ["OptimizerName", "build_optimizer", "warmup_cosine"]

OptimizerName = Literal["adamw", "paged_adamw_8bit"]
"""``paged_adamw_8bit`` keeps the moments in 8 bits, in memory the GPU may page out; CUDA only."""


def warmup_cosine(optimizer: Optimizer, *, total: int, warmup: float) -> LambdaLR:
    """Return a schedule that rises linearly over the share ``warmup`` of ``total`` steps, then falls as half a cosine.

    It is above 0 at every step, the first and the last included.
    """
    return LambdaLR(optimizer, lambda step: _factor(step, total, warmup))


def _factor(step: int, total: int, warmup: float) -> float:
    """Return the factor on the learning rate at ``step`` of ``total``.

    >>> [round(_factor(step, total=8, warmup=0.25), 2) for step in range(9)]
    [0.5, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    rise = round(total * warmup)
    if step < rise:
        return (step + 1) / rise
    progress = (step - rise) / max(1, total - rise)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _decay_groups(parameters: Sequence[Parameter], weight_decay: float) -> list[dict[str, object]]:
    """Return parameter groups: matrices, LoRA's too, with weight decay; vectors (norms, biases, magnitudes) without."""
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(
    name: OptimizerName, parameters: Sequence[Parameter], *, learning_rate: float, weight_decay: float
) -> Optimizer:
    """Return the optimizer called ``name`` over ``parameters``.

    Args:
        name: The optimizer's name.
        parameters: The trained parameters.
        learning_rate: The highest learning rate.
        weight_decay: AdamW's decay of matrices; vectors do not decay.

    Raises:
        InputError: The optimizer needs a CUDA GPU and a parameter is not on one.
    """
    groups = _decay_groups(parameters, weight_decay)
    if name == "adamw":
        # Not fused: Lightning refuses to clip gradients that an optimizer may unscale itself.
        return torch.optim.AdamW(groups, lr=learning_rate)
    if any(parameter.device.type != "cuda" for parameter in parameters):
        raise InputError(f"model.optimizer {name} needs a CUDA GPU, and the model is not on one: take adamw")
    return paged_adamw_8bit(groups, learning_rate=learning_rate)
