"""Evaluation of a run's weights: which data they have learned from, and where the results are written."""

import logging
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from codelm.errors import CodelmError, one_line
from codelm.evaluation.data import EvaluationData
from codelm.evaluation.evaluate import evaluate
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.settings import EvaluationSettings
from codelm.report.tensorboard import log_evaluation
from codelm.runs.figures import write_report
from codelm.runs.tested_run import fingerprint, no_epochs
from codelm.runs.trainer import preserved_state

__all__ = ["evaluate_weights", "evaluated_model", "has_history", "learned_samples"]

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
    data = _data_of(trainer)
    limit = trainer.limit_train_batches
    share = limit if isinstance(limit, float) else 1.0  # a whole number is the datamodule's to spread
    slicing = {"accumulate": trainer.accumulate_grad_batches, "ranks": data.training_ranks}
    found: list[int] = data.drawn(step, share=share, **slicing)
    return found


def evaluate_weights(
    trainer: Trainer,
    pl_module: Any,
    settings: EvaluationSettings,
    *,
    folder: Path,
    checkpoint: object,
    step: int,
    epochs: list[dict[str, Any]],
    prompts: list[dict[str, Any]],
    refresh: str | None = None,
    command: str = "test",
) -> tuple[dict[str, Any] | None, str | None]:
    """Evaluate the model's weights and write the report; return the figures, or else why it failed, in one line.

    Args:
        trainer: The trainer, with the data.
        pl_module: The model with the weights of ``step``.
        settings: What is evaluated, and for how long.
        folder: The run's folder.
        checkpoint: The file of the weights, for the command that repeats a stopped evaluation; None for the last one.
        step: The optimizer step of the weights.
        epochs: What is known of each epoch, for the report.
        prompts: What base and tuned model wrote in training, for the report.
        refresh: How the adapter compares with the one that the training began with, for the report.
        command: The command that repeats a stopped evaluation.
    """
    log.info("evaluation: about %g min; evaluation.minutes and evaluation.limit change it", settings.minutes)
    started = time.perf_counter()
    try:
        data, samples = _data_of(trainer), learned_samples(trainer, step)
        pl_module.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU when training ended
        with preserved_state(trainer, pl_module, settings.seed):
            model = evaluated_model(trainer, pl_module, settings.batch_size)
            result = evaluate(model, EvaluationData(data.store, data.encoder, samples), settings)
        result.notes += [] if epochs else [no_epochs(folder)]
        run = _run_facts(folder, pl_module, data, epochs) | {"learned": fingerprint(step, samples)}
        run |= {"seconds": time.perf_counter() - started, "refresh": refresh}
        head = {"codelm_evaluation": 1, "run": run, "notes": result.notes}
        figures = head | result.figures | {"epochs": epochs, "prompts": prompts}
        write_report(folder, figures, result.infill_rows)
    except Exception as error:
        log.debug("evaluation", exc_info=error)
        return None, str(error) if isinstance(error, CodelmError) else one_line(error)
    except BaseException:  # Ctrl-C, or SIGTERM
        given = ["--config", str(folder / "config.yaml"), "--ckpt_path", str(checkpoint or "last")]
        again = shlex.join(["codelm", command, *given])
        adapter = f"; the adapter is {folder / 'adapter'}" if (folder / "adapter").is_dir() else ""
        log.warning("the evaluation was stopped, everything else stands%s; %s makes the report", adapter, again)
        raise
    _log(trainer, figures, step)
    return figures, None


def _log(trainer: Trainer, figures: dict[str, Any], step: int) -> None:
    """Write the figures to the loggers; where one fails, they are in the report all the same."""
    try:
        log_evaluation(trainer, figures, step)
    except Exception as error:  # of whatever logger a user has, such as one that has lost its network
        log.warning("the evaluation was not written to the loggers, the report stands: %s", one_line(error))


def _run_facts(folder: Path, pl_module: Any, data: Any, epochs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return which run, base, repositories and commits the figures belong to."""
    repositories = data.store.facts["scrape"]["repositories"]
    return {
        "name": folder.parent.name,
        "version": folder.name,
        "base": pl_module.base_name,
        "repositories": [each["name"] for each in repositories],
        "part": "test",
        "cuts": [each["split"]["cut"] for each in repositories],
        "test_cuts": [each["split"]["second_cut"] for each in repositories],
        "best_epoch": next((each["epoch"] for each in epochs if each["chosen"]), None),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _data_of(trainer: Trainer) -> Any:
    return trainer.datamodule  # type: ignore[attr-defined]
