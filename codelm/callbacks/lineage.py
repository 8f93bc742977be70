"""The adapters that a training goes on from, for its manifest."""

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.runs.lineage import lineage

__all__ = ["Lineage"]


class Lineage(RecordingCallback):
    """Records which adapters a training goes on from; it stands before `Manifest`.

    A resumed run remembers them: the folder of the first adapter may have changed since.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what the run of the first adapter says, unless the run that is resumed has done so."""
        adapter = getattr(pl_module, "adapter", None)
        if adapter is not None and not self.record.refreshed_from:
            self.record.refreshed_from = lineage(Path(adapter))

    def state_dict(self) -> dict[str, Any]:
        """Keep it with a checkpoint."""
        return {"refreshed_from": self.record.refreshed_from}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what the resumed run recorded."""
        self.record.refreshed_from = state_dict["refreshed_from"]
