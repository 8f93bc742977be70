"""The optimizer and the learning rate's course over a run."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from codelm.errors import InputError
from codelm.modules.adapters import paged_adamw_8bit

OptimizerName = Literal["adamw", "paged_adamw_8bit"]
"""``paged_adamw_8bit`` keeps the moments in 8 bits, in memory the GPU may page out; CUDA only."""


def warmup_cosine(step: int, *, total: int, warmup: float) -> float:
    """Return the factor on the learning rate at ``step`` of ``total``.

    It rises over the share ``warmup`` of the steps, then falls as half a cosine. Already the first step learns, and
    the last is the smallest above 0.

    >>> [round(warmup_cosine(step, total=8, warmup=0.25), 2) for step in range(9)]
    [0.5, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    rise = round(total * warmup)
    if step < rise:
        return (step + 1) / rise
    progress = (step - rise) / max(1, total - rise)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def warmup_cosine_schedule(optimizer: Optimizer, *, total: int, warmup: float) -> LambdaLR:
    """Return the scheduler that applies `warmup_cosine`."""
    return LambdaLR(optimizer, lambda step: warmup_cosine(step, total=total, warmup=warmup))


def decay_groups(parameters: Iterable[Parameter], weight_decay: float) -> list[dict[str, object]]:
    """Sort parameters by whether weights decay: matrices do, LoRA's too; vectors (norms, biases, magnitudes) do not."""
    kept = list(parameters)
    groups = [
        {"params": [parameter for parameter in kept if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in kept if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(
    name: OptimizerName, parameters: Sequence[Parameter], *, learning_rate: float, weight_decay: float
) -> Optimizer:
    """Return the optimizer called ``name`` over ``parameters``.

    Raises:
        InputError: the optimizer needs a GPU and the parameters are elsewhere.
    """
    groups = decay_groups(parameters, weight_decay)
    if name == "adamw":
        # Not the fused form: Lightning refuses to clip gradients that an optimizer may unscale itself.
        return torch.optim.AdamW(groups, lr=learning_rate)
    if any(parameter.device.type != "cuda" for parameter in parameters):
        raise InputError(f"optimizer {name} needs a CUDA GPU, and the model is not on one: take adamw")
    return paged_adamw_8bit(groups, learning_rate=learning_rate)


def gradient_norm(parameters: Iterable[Parameter]) -> Tensor:
    """Return the Euclidean norm of all gradients together; 0 where there are none."""
    return torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
