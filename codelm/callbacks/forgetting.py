"""Bits per byte on general code, measured during training."""

import logging
from typing import Any

from jsonargparse.typing import NonNegativeInt, PositiveInt
from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import one_line
from codelm.evaluation.tasks.forgetting import own_bits_per_byte
from codelm.runs.evaluation import evaluated_model, has_history
from codelm.runs.record import RunRecord
from codelm.runs.trainer import log_scalars, preserved_state

__all__ = ["Forgetting"]

log = logging.getLogger(__name__)


class Forgetting(RecordingCallback):
    """Measures bits per byte on general code: of the base at step 0, and of the tuned model after every N-th epoch.

    Logs ``general/bits_per_byte`` and ``general/forgetting_percent``, the change against the base. The report shows
    each epoch's gain in validation beside it. A failure only logs a warning.

    Args:
        every_n_epochs: Epochs from one measurement to the next; 0 for none.
        batch_size: Rows at a time; fewer need less memory.
        seed: Of the random state while measuring.
    """

    state_key = "Evaluation"  # the name under which checkpoints of earlier versions keep it

    def __init__(
        self,
        every_n_epochs: NonNegativeInt = 1,
        batch_size: PositiveInt = 4,
        seed: int = 42,
        record: RunRecord | None = None,
    ) -> None:
        super().__init__(record)
        self.every_n_epochs = every_n_epochs
        self.batch_size = batch_size
        self.seed = seed

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the untouched base; a resumed run has done so before."""
        if not self.record.forgetting:
            self._measure(trainer, pl_module, epoch=0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the tuned model, if its turn has come or training stops."""
        epoch = trainer.current_epoch + 1
        base_is_known = bool(self.record.forgetting)  # without it there is nothing to compare with
        if base_is_known and self.every_n_epochs and (trainer.should_stop or epoch % self.every_n_epochs == 0):
            self._measure(trainer, pl_module, epoch)

    def _measure(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        if not (self.every_n_epochs and trainer.is_global_zero and has_history(trainer)):
            return
        try:
            with preserved_state(trainer, pl_module, self.seed):
                evaluated = evaluated_model(trainer, pl_module, self.batch_size)
                with evaluated.as_base(epoch == 0):
                    bits = own_bits_per_byte(evaluated, trainer.datamodule.encoder)  # type: ignore[attr-defined]
        except Exception as error:  # whatever it is, training goes on
            log.warning("general code after epoch %d was not measured, training goes on: %s", epoch, one_line(error))
            return
        epochs, step = self.record.forgetting, trainer.global_step if epoch else 0
        epochs.append({"epoch": epoch, "step": step, "bits": bits, "loss": self._losses(trainer, epoch)})
        percent = 100 * (bits / epochs[0]["bits"] - 1)
        log_scalars(trainer, {"general/bits_per_byte": bits, "general/forgetting_percent": percent})

    def _losses(self, trainer: Trainer, epoch: int) -> dict[str, float | None]:
        """Return the validation loss of the base and of the weights as they are after an epoch; None where unknown."""
        base = self.record.base_loss
        # Lightning's metrics keep the last validation's loss, which may be that of earlier weights.
        validation = self.record.at_step(trainer.global_step)
        return {"base": base, "tuned": base if epoch == 0 else validation.val_loss if validation else None}

    def state_dict(self) -> dict[str, Any]:
        """Keep the measurements with a checkpoint."""
        return {"epochs": self.record.forgetting}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the measurements of the run that is resumed."""
        self.record.forgetting = list(state_dict["epochs"])
