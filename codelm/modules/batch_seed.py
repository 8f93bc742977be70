"""The random numbers of one training batch, which are the same in a run that was stopped and resumed."""

import numpy as np
import torch

__all__ = ["seed_batch"]


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
