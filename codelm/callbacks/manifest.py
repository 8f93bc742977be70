"""One JSON file that says what a run did, valid at every moment of it."""

import logging
import time
from dataclasses import asdict
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.batch import Batch
from codelm.callbacks.base_reference import BaseReference
from codelm.callbacks.behavior import BehavioralEvaluation
from codelm.callbacks.export import ExportAdapter
from codelm.callbacks.monitors import TrainLoss, learned_tokens
from codelm.clock import now
from codelm.errors import InputError
from codelm.files import write_text
from codelm.report.outline import outline
from codelm.runs.environment import hardware, peaks, versions
from codelm.runs.manifest import Moment, hashes, phase_results, saved_moment, to_json, training_phase
from codelm.runs.outcome import cut_short, ending, measured, number, saved_step
from codelm.runs.trainer import companion, measures_training, run_folder, writes

log = logging.getLogger(__name__)

FILE = "MANIFEST.json"
MODEL_FACTS = (
    "base",
    "revision",
    "base_identity",
    "quantization",
    "double_quantization",
    "attention",
    "lora",
    "coverage",
    "skipped_steps",
)
"""The attributes of the model that the manifest tells of, where it has them."""


class Manifest(Callback):
    """Writes ``MANIFEST.json`` to the run's folder when training starts, after each validation, and at the end.

    Its ``status`` is "running", "completed", "interrupted" or "failed" (then with a ``reason``). The file is replaced
    in one step: a run that is killed leaves the one it wrote last.

    List it behind `ExportAdapter`, whose files it hashes, and before `Summary`, which prints from it.
    """

    def __init__(self) -> None:
        self.history: list[Moment] = []
        self.content: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.train_loss = TrainLoss()
        self.earlier_seconds = 0.0
        self.started: float | None = None
        self.begun = ""
        self.gone_on_from: tuple[int, int] | None = None
        self.measured: dict[str, Any] | None = None
        self.evaluation: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a list of callbacks in which the adapter is saved after it was to be described.

        Raises:
            InputError: `ExportAdapter` stands behind this.
        """
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        if any(isinstance(callback, ExportAdapter) for callback in callbacks[callbacks.index(self) :]):
            raise InputError(
                "trainer.callbacks lists Manifest before ExportAdapter, whose files it describes: list that first"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the first manifest: a folder that cannot be written is found out now.

        Raises:
            InputError: It cannot be written.
        """
        self.started, self.begun = time.perf_counter(), now()
        self.gone_on_from = None  # until it is known that something is left to train
        self.facts = getattr(getattr(trainer, "datamodule", None), "facts", {})
        try:
            self.write(trainer, pl_module, "running")
        except OSError as error:
            raise InputError(f"output folder {run_folder(trainer)}: {error.strerror}; choose another") from error

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember where this run goes on."""
        self.gone_on_from = (trainer.global_step, len(self.history))

    def shortfall(self, trainer: Trainer, pl_module: LightningModule) -> str | None:
        """Return why this run ended before its epochs did, or had nothing to do; None for all others."""
        if self.gone_on_from in (None, (trainer.global_step, len(self.history))):
            return (
                f"nothing was left to train: the run is at epoch {trainer.current_epoch} of {trainer.max_epochs}; "
                "raise trainer.max_epochs, or trainer.max_steps or max_time where given"
            )
        return cut_short(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count a batch towards the mean training loss."""
        self.train_loss.add(outputs["loss"], batch)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count what the validation loss rests on."""
        self.held_out = torch.zeros(3)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *rest: Any
    ) -> None:
        """Count a batch, its rows and its targets."""
        self.held_out += torch.tensor([1, len(batch["input_ids"]), int(learned_tokens(batch))])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember a validation of training, and write it down."""
        if not measures_training(trainer):
            return
        self.train_loss.gather(trainer)
        self.measured = measured(trainer, self.held_out, self.facts)
        val_loss = number(trainer.callback_metrics.get("val/loss"))
        moment = Moment(
            trainer.current_epoch + 1, trainer.global_step, self.train_loss.mean, val_loss, self.seconds_so_far()
        )
        self.history.append(moment)
        self.train_loss.reset()
        self.try_to_write(trainer, pl_module, "running")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write once more: by now Lightning has saved the last epoch's checkpoint and judged whether it is the best."""
        self.try_to_write(trainer, pl_module, "running")

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the last manifest; what comes after, and may be stopped or fail, is not the training's any more."""
        self.write(trainer, pl_module, "completed", self.shortfall(trainer, pl_module))
        self.earlier_seconds, self.started = self.seconds_so_far(), None

    def tell_evaluation(
        self, trainer: Trainer, pl_module: LightningModule, figures: dict[str, Any] | None, failure: str | None
    ) -> None:
        """Write the last manifest once more, with what the evaluation found, or why it found nothing."""
        self.evaluation = outline(figures) if figures else {"unfinished": failure}
        self.try_to_write(trainer, pl_module, "completed", self.content["reason"])

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write how the run ended, if it had begun."""
        if self.started is not None:
            status, reason = ending(exception)
            self.try_to_write(trainer, pl_module, status, reason)

    def try_to_write(
        self, trainer: Trainer, pl_module: LightningModule, status: str, reason: str | None = None
    ) -> None:
        """Write the manifest, or say why not: training is worth more than a note of it."""
        try:
            self.write(trainer, pl_module, status, reason)
        except OSError as error:
            log.warning("%s was not written: %s", run_folder(trainer) / FILE, error)

    def write(self, trainer: Trainer, pl_module: LightningModule, status: str, reason: str | None = None) -> None:
        """Write the manifest of this moment.

        Raises:
            OSError: It cannot be written; the one before still stands.
        """
        if writes(trainer):
            self.content = self.build(trainer, pl_module, status, reason)
            write_text(run_folder(trainer) / FILE, to_json(self.content))

    def build(self, trainer: Trainer, pl_module: LightningModule, status: str, reason: str | None) -> dict[str, Any]:
        """Return the manifest of this moment."""
        export, behavior = companion(trainer, ExportAdapter), companion(trainer, BehavioralEvaluation)
        return {
            "codelm_manifest": 1,
            "status": status,
            "reason": reason,
            "started": self.begun,
            "written": now(),
            "phase_results": phase_results(self.facts, self.training(trainer)),
            "model": {name: getattr(pl_module, name, None) for name in MODEL_FACTS},
            "evaluation": self.evaluation,
            "behavior": behavior.facts() if behavior else None,
            "hardware": hardware() | {"peaks": peaks(), "precision": trainer.precision},
            "versions": versions(),
            "adapter": {"weights": export.source, "sha256": hashes(export.folder)} if export else None,
        }

    def training(self, trainer: Trainer) -> dict[str, Any]:
        """Return phase 4 of this moment."""
        reference, stopper = companion(trainer, BaseReference), trainer.early_stopping_callback
        phase = training_phase(
            self.history,
            saved_moment(self.history, saved_step(trainer)),
            train_loss=self.train_loss.mean,
            base_loss=reference.loss if reference else None,
            seconds=self.seconds_so_far(),
            stopped_early=stopper is not None and stopper.stopping_reason_message is not None,
        )
        return phase | {"held_out": self.measured}

    def seconds_so_far(self) -> float:
        """Return how long this run has trained, together with the runs it continues."""
        return self.earlier_seconds + (0.0 if self.started is None else time.perf_counter() - self.started)

    def state_dict(self) -> dict[str, Any]:
        """Keep history and time with a checkpoint, and the losses of an epoch that has only begun."""
        history = [asdict(moment) for moment in self.history]
        return {"history": history, "seconds": self.seconds_so_far(), "train_loss": self.train_loss.sums}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take history and time of the run that is continued."""
        self.history = [Moment(**moment) for moment in state_dict["history"]]
        self.earlier_seconds = state_dict["seconds"]
        self.train_loss.sums = state_dict.get("train_loss")
