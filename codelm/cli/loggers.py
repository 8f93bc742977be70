"""Lightning's own records of a run, without what would lie there and say nothing."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger


class Board(TensorBoardLogger):
    """TensorBoard's events without the ``hparams.yaml`` that would lie beside ``config.yaml`` and hold nothing."""

    def save(self) -> None:
        """Write what was logged."""
        self.experiment.flush()


class SaveFitConfig(SaveConfigCallback):
    """Writes ``config.yaml`` beside what a training run leaves behind; other commands have no folder."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Wait: a checkpoint that is refused later must find the run's own configuration as it was."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the configuration when training begins."""
        super().setup(trainer, pl_module, "fit")
