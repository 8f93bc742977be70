"""The manifest of a run while it goes on."""

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import InputError
from codelm.runs.finish.write_manifest import write_manifest
from codelm.runs.trainer import run_folder, validates_training

__all__ = ["Manifest"]


class Manifest(RecordingCallback):
    """Writes ``MANIFEST.json`` to the run's folder when training starts, and after each validation.

    Its ``status`` is "running"; the step `WriteManifest` writes how the run ended. The file is replaced in one step: a
    run that is killed leaves the one it wrote last. It stands behind `TrainingHistory`, which measures what it holds.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the first manifest: a folder that cannot be written to is found out now.

        Raises:
            InputError: It cannot be written.
        """
        try:
            write_manifest(self.record, trainer, pl_module, required=True)
        except OSError as error:
            raise InputError(f"output folder {run_folder(trainer)}: {error.strerror}; choose another") from error

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write down a validation of training."""
        if validates_training(trainer):
            write_manifest(self.record, trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write once more: by now Lightning has saved the last epoch's checkpoint and judged whether it is the best."""
        write_manifest(self.record, trainer, pl_module)
