"""The adapters that a training goes on from, for its manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import InputError
from codelm.runs.lineage import lineage

__all__ = ["Lineage"]


class Lineage(RecordingCallback):
    """Records which adapters a training goes on from; it stands before `Manifest`.

    A resumed run remembers them: the run of the first adapter may have changed since, which is refused where it changed
    the adapter's weights, with which the run is compared at its end.
    """

    resumed: list[dict[str, Any]] | None = None
    """What the run that is resumed had recorded."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what the run of the first adapter says, unless the run that is resumed has done so.

        Raises:
            InputError: The run that is resumed began with another adapter.
        """
        adapter = getattr(pl_module, "adapter", None)
        if adapter is None:
            return
        found = lineage(Path(adapter))
        if self.resumed is not None and _weights(self.resumed) != _weights(found):
            raise InputError(
                f"model.adapter {adapter} is not the one that the run began with: give that one, or --model.adapter "
                "null to go on without comparing with it"
            )
        self.record.refreshed_from = self.resumed or found

    def state_dict(self) -> dict[str, Any]:
        """Keep it with a checkpoint."""
        return {"refreshed_from": self.record.refreshed_from}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what the resumed run recorded."""
        self.record.refreshed_from = self.resumed = state_dict["refreshed_from"]


def _weights(adapters: Sequence[dict[str, Any]]) -> str | None:
    """Return the SHA-256 of the weights of the last of some adapters; None where there is none."""
    return adapters[-1]["adapter_sha256"] if adapters else None
