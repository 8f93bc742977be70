"""The base class of callbacks that write to the record of a run."""

from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.runs.record import RunRecord

__all__ = ["RecordingCallback"]


class RecordingCallback(Callback):
    """A callback that writes what it measures to a record; those of one trainer share one.

    Attributes:
        is_configured: Whether this callback has settings of its own, which those of the command must not replace.
    """

    is_configured = True

    def __init__(self) -> None:
        self.record = RunRecord()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the record of the trainer's first such callback."""
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        self.attach(next(one.record for one in callbacks if isinstance(one, RecordingCallback)))

    def attach(self, record: RunRecord) -> None:
        """Write to ``record`` from now on."""
        self.record = record
