"""The base class of callbacks that write to the record of a run."""

from lightning.pytorch import Callback

from codelm.runs.record import RunRecord

__all__ = ["RecordingCallback"]


class RecordingCallback(Callback):
    """A callback that writes what it measures to a record.

    Args:
        record: The record that the callbacks of a run share; None for one of its own.

    Attributes:
        is_configured: Whether this callback has settings of its own, which those of the command must not replace.
    """

    is_configured = True

    def __init__(self, record: RunRecord | None = None) -> None:
        self.record = record or RunRecord()

    def attach(self, record: RunRecord) -> None:
        """Write to ``record`` from now on."""
        self.record = record
