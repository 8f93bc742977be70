"""Optimizers and the learning rate schedule."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from codelm.errors import InputError
from codelm.modules.four_bits import kernel_warning_hidden

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


def _groups(
    parameters: Mapping[str, Parameter], factors: Mapping[str, float], learning_rate: float, weight_decay: float
) -> list[dict[str, object]]:
    """Return parameter groups: of each rate, matrices with weight decay and vectors (norms, biases) without it."""
    groups: dict[tuple[float, bool], list[Parameter]] = {}
    for name, parameter in parameters.items():
        factor = next((factor for part, factor in factors.items() if part in name), 1.0)
        groups.setdefault((factor, parameter.ndim >= 2), []).append(parameter)
    return [
        {"params": group, "lr": learning_rate * factor, "weight_decay": weight_decay if are_matrices else 0.0}
        for (factor, are_matrices), group in groups.items()
    ]


def build_optimizer(
    name: OptimizerName,
    parameters: Mapping[str, Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
    factors: Mapping[str, float] = MappingProxyType({}),
) -> Optimizer:
    """Return the optimizer called ``name`` over ``parameters``.

    Args:
        name: The optimizer's name.
        parameters: The trained parameters by their names.
        learning_rate: The highest learning rate.
        weight_decay: AdamW's decay of matrices; vectors do not decay.
        factors: By a part of their names, how many times the learning rate that of some parameters is.

    Raises:
        InputError: The optimizer needs a CUDA GPU and a parameter is not on one.
    """
    groups = _groups(parameters, factors, learning_rate, weight_decay)
    if name == "adamw":
        # Not fused: Lightning refuses to clip gradients that an optimizer may unscale itself.
        return torch.optim.AdamW(groups, lr=learning_rate)
    if any(parameter.device.type != "cuda" for parameter in parameters.values()):
        raise InputError(f"model.optimizer {name} needs a CUDA GPU, and the model is not on one: take adamw")
    with kernel_warning_hidden():
        from bitsandbytes.optim.adamw import PagedAdamW8bit

    paged: Optimizer = PagedAdamW8bit(groups, lr=learning_rate)  # type: ignore[no-untyped-call]
    return paged
