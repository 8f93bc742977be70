"""What the base alone loses on the held-out rows: the number that every tuned one is held against."""

import math
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.runs.trainer import log_scalars, measures_training, sum_over_ranks, untouched


class BaseReference(Callback):
    """Measures the loss of the untouched base on the validation rows, once, before training.

    The same rows, precision and token weights as in validation, with the adapter disabled; logged as ``val/base_loss``
    at step 0, and again beside each validation, so that TensorBoard draws a line. A resumed run remembers it.
    """

    def __init__(self) -> None:
        self.loss: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the base, unless the run that is continued has done so."""
        if self.loss is None:
            with untouched(trainer, pl_module, seed=0):
                self.loss = base_loss(trainer, pl_module)
        self.log_line(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the line on."""
        if measures_training(trainer):
            self.log_line(trainer)

    def log_line(self, trainer: Trainer) -> None:
        """Log the base's loss at the current step, if there is one."""
        if self.loss is not None:
            log_scalars(trainer, {"val/base_loss": self.loss})

    def state_dict(self) -> dict[str, Any]:
        """Keep the loss with a checkpoint."""
        return {"loss": self.loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the loss that the continued run measured."""
        self.loss = state_dict["loss"]


def base_loss(trainer: Trainer, pl_module: Any) -> float | None:
    """Return the mean surprise of the base per weight of held-out label, in nats; None where nothing is held out."""
    have_held_out_rows(trainer)
    sums = torch.zeros(2, dtype=torch.float64)
    with pl_module.base_disabled():
        for batch in islice(trainer.val_dataloaders or (), limit(trainer)):
            sums += torch.stack(pl_module.surprise(to_device(trainer, batch))).cpu().double()
    total, weight = (float(part) for part in sum_over_ranks(trainer, sums))
    return total / weight if weight and math.isfinite(total) else None


def have_held_out_rows(trainer: Trainer) -> None:
    """Have the validation's loader made as Lightning makes it, also where the first epoch ends without a validation."""
    if trainer.val_dataloaders is None:
        trainer.validating = True
        trainer.fit_loop.epoch_loop.val_loop.setup_data()
        trainer.training = True


def limit(trainer: Trainer) -> int | None:
    """Return how many batches a validation of this run takes; None for all."""
    batches = sum(trainer.num_val_batches)
    return None if math.isinf(batches) else int(batches)


def to_device(trainer: Trainer, batch: Any) -> Any:
    """Return the batch as validation gets it."""
    return trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch))
