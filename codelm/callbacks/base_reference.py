"""The validation loss of the base model, with which that of the tuned model is compared."""

import math
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.lightning_internals import set_up_validation_data, to_device
from codelm.runs.trainer import log_scalars, preserved_state, sum_over_ranks, validates_training

__all__ = ["BaseReference"]


class BaseReference(RecordingCallback):
    """Measures the loss of the untouched base on the validation rows, once, before training.

    The same rows, precision and token weights as in validation, with the adapter disabled; logged as ``val/base_loss``
    at step 0, and again beside each validation, so that TensorBoard draws a line. A resumed run remembers it.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the base, unless the run that is resumed has done so."""
        if self.record.base_loss is None:
            with preserved_state(trainer, pl_module, seed=0):
                self.record.base_loss = _base_loss(trainer, pl_module)
        self._log(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the base's loss again at this step."""
        if validates_training(trainer):
            self._log(trainer)

    def _log(self, trainer: Trainer) -> None:
        if self.record.base_loss is not None:
            log_scalars(trainer, {"val/base_loss": self.record.base_loss})

    def state_dict(self) -> dict[str, Any]:
        """Keep the loss with a checkpoint."""
        return {"loss": self.record.base_loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the loss that the resumed run measured."""
        self.record.base_loss = state_dict["loss"]


def _base_loss(trainer: Trainer, pl_module: Any) -> float | None:
    """Return the mean nll of the base per weight of held-out label, in nats; None where nothing is held out."""
    set_up_validation_data(trainer)
    batches = sum(trainer.num_val_batches)
    limit = None if math.isinf(batches) else int(batches)
    sums = torch.zeros(2, dtype=torch.float64)
    with pl_module.base_disabled():
        for batch in islice(trainer.val_dataloaders or (), limit):
            sums += torch.stack(pl_module.weighted_nll(to_device(trainer, batch))).cpu().double()
    total, weight = (float(part) for part in sum_over_ranks(trainer, sums))
    return total / weight if weight and math.isfinite(total) else None
