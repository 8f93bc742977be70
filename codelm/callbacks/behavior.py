"""Completions of fixed prompts by the untouched base and by the tuned model, while a training goes on."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveInt
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from codelm.callbacks.recording import RecordingCallback
from codelm.errors import one_line
from codelm.metrics.completion import Completion, completion
from codelm.metrics.completion_measures import Measures, means, measure
from codelm.metrics.syntax.trees import GRAMMARS
from codelm.modules.generation import Sampling, complete
from codelm.report.printable_text import table
from codelm.runs.record import RunRecord
from codelm.runs.trainer import log_scalars, preserved_state

__all__ = ["BehavioralEvaluation"]

log = logging.getLogger(__name__)


class BehavioralEvaluation(RecordingCallback):
    """Completes prompts with the base at step 0 and with the tuned model after every N-th epoch's validation.

    Writes them side by side to TensorBoard, with scalars ``behavior/...``, and keeps them in `records` for the
    manifest. An illustration, not a measurement: a few prompts with one completion each say little about a repository.
    Training continues exactly as without it: random state and train mode are put back, and a failure only logs a
    warning.

    Args:
        prompts: What is completed; nothing is done without any.
        language: The language of the completions, which decides where they end and what is measured: "rust" or
            "python". Of others only the text is kept.
        every_n_epochs: Epochs from one evaluation to the next.
        max_new_tokens: Tokens of a completion at most.
        temperature: 0 takes the likeliest token; 1 samples what the model says.
        top_p: Sample from the likeliest tokens that together have this probability.
        seed: Makes the choice of tokens repeatable, the same for base and tuned model.
        batch_size: Prompts that are completed at a time; fewer need less memory.
        record: The record that the callbacks of a run share; None for one of its own.
    """

    def __init__(
        self,
        prompts: Sequence[str] = (),
        language: str = "rust",
        *,
        every_n_epochs: PositiveInt = 1,
        max_new_tokens: PositiveInt = 256,
        temperature: NonNegativeFloat = 0.7,
        top_p: ClosedUnitInterval = 0.95,
        seed: int = 42,
        batch_size: PositiveInt = 8,
        record: RunRecord | None = None,
    ) -> None:
        super().__init__(record)
        self.prompts = list(prompts)
        self.language = language
        self.every_n_epochs = every_n_epochs
        self.sampling = Sampling(max_new_tokens, temperature, top_p, batch_size)
        self.seed = seed
        self.records: list[dict[str, Any]] = []
        self.attach(self.record)

    def attach(self, record: RunRecord) -> None:
        """Put settings and records into the record, as the manifest holds them."""
        super().attach(record)
        names = ("language", "seed", "every_n_epochs")
        settings = {name: getattr(self, name) for name in names} | asdict(self.sampling)
        record.behavior = settings | {"evaluations": self.records}

    @property
    def base(self) -> dict[str, Any] | None:
        """The record of the untouched base, if it was made."""
        return next((record for record in self.records if record["epoch"] == 0), None)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Complete the prompts with the untouched base; a resumed run of the same prompts has done so before."""
        if self.prompts and self.language not in GRAMMARS and trainer.is_global_zero:
            log.warning("behavior.language %s has no grammar: its completions are kept, not measured", self.language)
        if self.prompts and self.base and [one["prompt"] for one in self.base["completions"]] != self.prompts:
            self.records.clear()  # completions of other prompts cannot stand beside those that come
        if self.base is None:
            self._evaluate(trainer, pl_module, epoch=0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Complete the prompts with the tuned model, if its turn has come or training stops within the epoch."""
        epoch = trainer.current_epoch + 1
        if trainer.should_stop or epoch % self.every_n_epochs == 0:
            self._evaluate(trainer, pl_module, epoch=epoch)

    def _evaluate(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        """Complete all prompts after an epoch, 0 meaning the base; keep and show what comes out."""
        if not self.prompts or not trainer.is_global_zero:
            return
        try:
            record = self._complete(trainer, pl_module, epoch) | {"step": trainer.global_step}
            self.records.append(record)
            self._log(trainer, record)
        except Exception as error:  # whatever it is, hours of training must not end for an illustration
            log.warning("behavioural evaluation after epoch %d failed, training goes on: %s", epoch, one_line(error))

    def _complete(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> dict[str, Any]:
        """Return the record of one evaluation."""
        model: Any = pl_module
        with preserved_state(trainer, pl_module, self.seed), model.base_disabled() if epoch == 0 else nullcontext():
            texts = list(complete(model.model, model.tokenizer, self.prompts, self.sampling))
        completions = [
            completion(self.language, prompt, text, stopped=stopped)
            for prompt, (text, stopped) in zip(self.prompts, texts, strict=True)
        ]
        return _record(epoch, completions, [measure(self.language, one) for one in completions])

    def _log(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Write an evaluation to the loggers: its means, and its texts beside the base's."""
        log_scalars(trainer, {f"behavior/{name}": value for name, value in record["means"].items()})
        columns = [self.base, record] if self.base and record["epoch"] else [record]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("behavior/completions", _side_by_side(columns), trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        """Keep the records with a checkpoint."""
        return {"records": self.records}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the records of the run that is resumed."""
        self.records[:] = state_dict["records"]


def _record(epoch: int, completions: Sequence[Completion], measured: Sequence[Measures | None]) -> dict[str, Any]:
    """Return one evaluation in plain types, ready for JSON; measures are None where a language has no grammar."""
    known = [one for one in measured if one is not None]
    return {
        "epoch": epoch,
        "means": means(known),
        "completions": [
            asdict(one) | {"measures": None if found is None else asdict(found)}
            for one, found in zip(completions, measured, strict=True)
        ],
    }


def _side_by_side(records: Sequence[dict[str, Any]]) -> str:
    """Return the texts of several evaluations as a Markdown table: the prompt, then a column for each."""
    heads = ["base" if record["epoch"] == 0 else f"after epoch {record['epoch']}" for record in records]
    rows = zip(*(record["completions"] for record in records), strict=True)
    return table(["prompt", *heads], [(row[0]["prompt"], *(one["text"] for one in row)) for row in rows])
