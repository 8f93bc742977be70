"""Callbacks that measure the training steps of a run."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from experiments.bench.children.busy_loops import BusyLoops

__all__ = ["RUNS", "BusyHalf", "StepTimes"]

RUNS: list["StepTimes"] = []
"""The callbacks of this process: the command makes its own."""


class StepTimes(Callback):
    """Keeps when each training step ended, in seconds of the monotonic clock, and its loss in nats."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.losses: list[float] = []
        RUNS.append(self)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the time and the loss."""
        self.losses.append(float(outputs["loss"]))
        self.ends.append(time.monotonic())


class BusyHalf(StepTimes):
    """Starts a busy loop on each core when half of the first epoch's steps are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: BusyLoops | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the time and the loss; start the loops in the middle."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if len(self.ends) == int(trainer.num_training_batches) // 2:
            self.loops = BusyLoops()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the loops."""
        if self.loops:
            self.loops.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the loops."""
        self.on_train_epoch_end(trainer, pl_module)

    @property
    def share(self) -> float:
        """The speed of the steps beside the loops in percent of that of the steps before them.

        The first step of either half is left out: one warms up, beside the other the loops start.
        """
        half = len(self.ends) // 2
        quiet = (self.ends[half - 1] - self.ends[0]) / (half - 1)
        busy = (self.ends[-1] - self.ends[half]) / (len(self.ends) - half - 1)
        return 100 * quiet / busy
