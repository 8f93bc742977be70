"""The record of one training run: what its callbacks measure, for the steps that end the run."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer
from torch import Tensor

from codelm.batch import Batch, learned_weights
from codelm.errors import CodelmError, one_line
from codelm.lightning_internals import is_at_end_of_epoch

__all__ = ["RunRecord", "TrainLoss", "Validation", "cut_short"]


@dataclass(frozen=True, slots=True)
class Validation:
    """One validation and the training before it.

    Attributes:
        epoch: Passes over the training data, counted from 1.
        step: Optimizer steps taken.
        train_loss: Mean loss of training since the validation before, in nats.
        val_loss: Mean loss on the held-out rows, in nats.
        seconds: Training time so far.
    """

    epoch: int
    step: int
    train_loss: float | None
    val_loss: float | None
    seconds: float


class TrainLoss:
    """The mean training loss since the last `reset`, over label weights and not over batches."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.sums: Tensor | None = None

    def add(self, loss: Tensor, batch: Batch) -> None:
        """Count a batch and its share of its optimizer step's mean loss, as Lightning hands it to the batch's end."""
        weight = learned_weights(batch)[:, 1:].sum()
        self.add_sums(torch.stack([loss.detach().float() * batch["step_weight"], weight.float()]))

    def add_sums(self, sums: Tensor) -> None:
        """Count batches by the sums of their losses, in nats, and of their label weights, ``[2]``."""
        # Those of a checkpoint are on the CPU.
        self.sums = sums if self.sums is None else self.sums.to(sums.device) + sums

    @property
    def mean(self) -> float | None:
        """The mean loss in nats; None before the first batch."""
        if self.sums is None or not self.sums[1]:
            return None
        return float(self.sums[0] / self.sums[1])


class RunRecord:
    """What a training run has measured and left behind so far.

    One record is handed to all callbacks and finishing steps of a run. It begins empty: no configuration can fill it.

    Attributes:
        facts: What the datamodule knows of the data.
        started: When the run started, ISO 8601 in UTC.
        resumed_at: The step at which training began, and how many validations there were before.
        status: "running", "completed", "interrupted" or "failed".
        reason: Why the run failed, or ended before its epochs did.
        base_loss: Validation loss of the base model, in nats.
        train_loss: Training loss since the last validation.
        history: All validations of the run and of the runs that it continues.
        held_out: How many batches, rows and target tokens the last validation rests on.
        earlier_seconds: Training time of the runs that this one continues.
        forgetting: Bits per byte on general code after some epochs, the base first.
        behavior: The settings and records of behavioural evaluation, as the manifest holds them.
        adapter: The folder of the exported adapter.
        time_is_up: Whether training was ended early so that ``trainer.max_time`` holds for its measurements, too.
        weights: Whether the exported weights are those of the best checkpoint, of the last step, or of the adapter that
            the training began with, the first.
        weights_step: The optimizer step of the weights that were chosen to be exported.
        refreshed_from: The adapters that the training goes on from, the oldest first; none for a new adapter.
        refresh: How the new adapter compares with the one that the training began with, and which was kept.
        figures: The figures of the evaluation.
        evaluation_failure: Why there are no figures.
        manifest: The manifest as it was written last.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.started = ""
        self.resumed_at: tuple[int, int] | None = None
        self.status = "running"
        self.reason: str | None = None
        self.base_loss: float | None = None
        self.train_loss = TrainLoss()
        self.history: list[Validation] = []
        self.held_out: dict[str, Any] | None = None
        self.earlier_seconds = 0.0
        self.forgetting: list[dict[str, Any]] = []
        self.behavior: dict[str, Any] | None = None
        self.adapter: Path | None = None
        self.time_is_up = False
        self.weights: Literal["best", "last", "first"] | None = None
        self.weights_step: int | None = None
        self.refreshed_from: list[dict[str, Any]] = []
        self.refresh: dict[str, Any] | None = None
        self.figures: dict[str, Any] | None = None
        self.evaluation_failure: str | None = None
        self.manifest: dict[str, Any] = {}
        self._running_since: float | None = None

    def begin(self, facts: dict[str, Any]) -> None:
        """Begin to record a training on data with these ``facts``; what earlier runs measured stays."""
        self.facts = facts
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.status, self.reason, self.resumed_at = "running", None, None
        self.adapter = self.weights = self.weights_step = None
        self.figures = self.evaluation_failure = self.refresh = None
        self.time_is_up = False
        self.manifest = {}
        self._running_since = time.perf_counter()

    def stop_clock(self) -> None:
        """Stop to count training time."""
        self.earlier_seconds, self._running_since = self.seconds, None

    @property
    def seconds(self) -> float:
        """Training time in seconds, together with the runs that this one continues."""
        since = self._running_since
        return self.earlier_seconds + (0.0 if since is None else time.perf_counter() - since)

    @property
    def completions(self) -> list[dict[str, Any]]:
        """The records of behavioural evaluation, the base's first."""
        return self.behavior["evaluations"] if self.behavior else []

    def at_step(self, step: int | None) -> Validation | None:
        """Return the last validation at an optimizer step; None without one."""
        return next((each for each in reversed(self.history) if each.step == step), None)

    def ended_by(self, error: BaseException) -> None:
        """Set the status, and for a failure the reason, that an exception gives a run.

        The reason is that of its cause where this is a failure that a user can mend.
        """
        if isinstance(error, Exception):
            cause = None if isinstance(error, CodelmError) else error.__cause__
            reason = cause if isinstance(cause, CodelmError) else error
            self.status, self.reason = "failed", one_line(reason, longest=1000)
        else:  # Ctrl-C, and SIGTERM, which Lightning raises as a SystemExit
            self.status, self.reason = "interrupted", None


def cut_short(record: RunRecord, trainer: Trainer, pl_module: Any) -> str | None:
    """Return why a run ended before its epochs did, or had nothing to do; None for all others."""
    step = trainer.global_step
    if record.resumed_at in (None, (step, len(record.history))):
        return (
            f"nothing was left to train: the run is at epoch {trainer.current_epoch} of {trainer.max_epochs}; "
            "raise trainer.max_epochs, or trainer.max_steps or max_time where given"
        )
    at_end = is_at_end_of_epoch(trainer) and trainer.current_epoch == trainer.max_epochs
    if 0 < trainer.max_steps <= step and not at_end:
        return f"trainer.max_steps reached after {step} steps"
    timer = next((each for each in trainer.callbacks if isinstance(each, Timer)), None)  # type: ignore[attr-defined]
    left = timer.time_remaining() if timer else None
    if (record.time_is_up or (left is not None and left <= 0)) and step < (steps := pl_module.total_steps()):
        return f"trainer.max_time reached after {step} of {steps} steps"
    return None
