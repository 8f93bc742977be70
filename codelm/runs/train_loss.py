"""The mean training loss between two validations."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from codelm.batch import Batch, learned_weights
from codelm.runs.trainer import sum_over_ranks

__all__ = ["TrainLoss"]


class TrainLoss:
    """The mean training loss since the last `reset`, over label weights and not over batches."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.sums: Tensor | None = None

    def add(self, loss: Tensor, batch: Batch) -> None:
        """Count a batch.

        Args:
            loss: The batch's share of its optimizer step's mean loss, as Lightning hands it to the end of the batch.
            batch: The batch.
        """
        weight = learned_weights(batch)[:, 1:].sum()
        sums = torch.stack([loss.detach().float() * batch["step_weight"], weight.float()])
        # A resumed run has its checkpoint's sums on the CPU.
        self.sums = sums if self.sums is None else self.sums.to(sums.device) + sums

    def gather(self, trainer: Trainer) -> None:
        """Add what the other processes counted; every process must call this."""
        if self.sums is not None:
            self.sums = sum_over_ranks(trainer, self.sums)

    @property
    def mean(self) -> float | None:
        """The mean loss in nats; None before the first batch."""
        if self.sums is None or not self.sums[1]:
            return None
        return float(self.sums[0] / self.sums[1])
