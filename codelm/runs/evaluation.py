"""Evaluation of a run's weights: which data they have learned from, and where the results are written."""

import logging
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from codelm.errors import CodelmError, one_line
from codelm.evaluation.data import EvaluationData
from codelm.evaluation.evaluate import evaluate
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.figures import figures, run_facts
from codelm.runs.tested_run import fingerprint, no_epochs
from codelm.runs.trainer import preserved_state

__all__ = ["evaluate_weights", "evaluated_model", "has_history", "learned_samples", "reason_of", "warn_of_stop"]

log = logging.getLogger(__name__)


def has_history(trainer: Trainer) -> bool:
    """Return whether the data is a repository's history, and not a datamodule of the user's own."""
    data = getattr(trainer, "datamodule", None)
    return all(hasattr(data, name) for name in ("store", "encoder", "drawn", "sequence_length"))


def evaluated_model(trainer: Trainer, pl_module: Any, batch_size: int) -> EvaluatedModel:
    """Return the model in a form that can be evaluated."""
    return EvaluatedModel(pl_module, max_tokens=_data_of(trainer).sequence_length, batch_size=batch_size)


def learned_samples(trainer: Trainer, step: int) -> list[int]:
    """Return the training samples that a run has learned by an optimizer step."""
    limit = trainer.limit_train_batches
    share = limit if isinstance(limit, float) else 1.0  # a whole number is the datamodule's to spread
    slicing = {"accumulate": trainer.accumulate_grad_batches, "ranks": trainer.world_size}
    found: list[int] = _data_of(trainer).drawn(step, share=share, **slicing)
    return found


def evaluate_weights(
    trainer: Trainer,
    pl_module: Any,
    settings: EvaluationSettings,
    *,
    folder: Path,
    step: int,
    epochs: list[dict[str, Any]],
    prompts: Sequence[dict[str, Any]],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Evaluate the model's weights; return the figures, and a row for each infill task.

    Args:
        trainer: The trainer, with the data.
        pl_module: The model with the weights of ``step``.
        settings: What is evaluated, and for how long.
        folder: The run's folder.
        step: The optimizer step of the weights.
        epochs: What is known of each epoch, for the report.
        prompts: What base and tuned model wrote in training, for the report.
    """
    log.info("evaluation: about %g min; evaluation.minutes and evaluation.limit change it", settings.minutes)
    started = time.perf_counter()
    data, samples = _data_of(trainer), learned_samples(trainer, step)
    pl_module.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU when training ended
    with preserved_state(trainer, pl_module, settings.seed):
        evaluated = evaluated_model(trainer, pl_module, settings.batch_size)
        result = evaluate(evaluated, EvaluationData(data.store, data.encoder, samples), settings)
    result.notes += [] if epochs else [no_epochs(folder)]
    facts = run_facts(folder, pl_module, data, epochs) | {"learned": fingerprint(step, samples)}
    facts["seconds"] = time.perf_counter() - started
    return figures(result, facts, epochs, prompts), result.infill_rows


def reason_of(error: Exception) -> str:
    """Return why an evaluation failed, in one line."""
    log.debug("evaluation", exc_info=error)
    return str(error) if isinstance(error, CodelmError) else one_line(error)


def warn_of_stop(folder: Path, checkpoint: object) -> None:
    """Log that the evaluation of a checkpoint was stopped, and the command that repeats it."""
    command = shlex.join(
        ["codelm", "test", "--config", str(folder / "config.yaml"), "--ckpt_path", str(checkpoint or "last")]
    )
    log.warning("the evaluation was stopped, everything else stands: %s makes the report", command)


def _data_of(trainer: Trainer) -> Any:
    return trainer.datamodule  # type: ignore[attr-defined]
