"""Lightning's logger and its saved configuration, as a run's folder holds them."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

from codelm.cli.base_folder import link_base

__all__ = ["EventLogger", "SaveFitConfig"]


class EventLogger(TensorBoardLogger):
    """TensorBoard's events without an empty ``hparams.yaml`` beside ``config.yaml``."""

    def save(self) -> None:
        """Write what was logged."""
        self.experiment.flush()


class SaveFitConfig(SaveConfigCallback):
    """Writes ``config.yaml`` to the folder of a training run; other commands have none."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write nothing yet: a checkpoint that is refused later must find the run's own configuration as it was."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the configuration when training begins."""
        super().setup(trainer, pl_module, "fit")
        if trainer.is_global_zero and trainer.log_dir:
            link_base(Path(trainer.log_dir), pl_module.base_name, pl_module.base)  # type: ignore[arg-type]
