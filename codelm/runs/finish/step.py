"""The interface of a finishing step."""

from typing import Any

from lightning.pytorch import Trainer

from codelm.runs.record import RunRecord

__all__ = ["FinishingStep"]


class FinishingStep:
    """One thing to do when a training run ends; `codelm.callbacks.FinishRun` calls the steps in their order.

    Attributes:
        record: The record of the run, set by `FinishRun`.
    """

    record: RunRecord

    def finish(self, trainer: Trainer, pl_module: Any) -> None:
        """Do it after a training that came to its end; an error does not keep the other steps from being done."""

    def abort(self, trainer: Trainer, pl_module: Any, error: BaseException) -> None:
        """Do what can be done after a training that was stopped or failed with ``error``."""
