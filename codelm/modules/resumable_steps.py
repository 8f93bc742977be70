"""What a resumed run needs beside weights, moments and counts, to end as if nobody had stopped it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.nn import Parameter

__all__ = ["saved_gradients", "seed_batch", "take_up_gradients"]


def seed_batch(seed: int, epoch: int, batch: int, rank: int) -> None:
    """Seed torch for one batch: its random numbers depend on nothing that came before it, so none need to be saved.

    Args:
        seed: The run's seed.
        epoch: The epoch, from 0.
        batch: The batch in the epoch, from 0.
        rank: The process, from 0.
    """
    state = np.random.SeedSequence((seed, epoch, batch, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


def saved_gradients(parameters: Iterable[tuple[str, Parameter]], trainer: Trainer) -> dict[str, Tensor]:
    """Return the gradients of an unfinished optimizer step, averaged over processes, which all must call this."""
    gradients = {name: parameter.grad for name, parameter in parameters if parameter.grad is not None}
    return {name: _mean_over_ranks(gradient, trainer) for name, gradient in gradients.items()}


def _mean_over_ranks(gradient: Tensor, trainer: Trainer) -> Tensor:
    mean: Any = trainer.strategy.reduce(gradient.detach().clone(), reduce_op="mean")
    return torch.as_tensor(mean)


def take_up_gradients(parameters: Iterable[tuple[str, Parameter]], gradients: Mapping[str, Tensor]) -> None:
    """Give parameters the gradients that were saved, where they are."""
    for name, parameter in parameters:
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device)
