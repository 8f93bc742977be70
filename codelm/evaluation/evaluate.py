"""An evaluation of the base and the tuned model: all tasks in turn, each within its share of the time budget."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codelm.errors import CodelmError, one_line
from codelm.evaluation.data import EvaluationData
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError, evaluation_notes, infilling_notes
from codelm.evaluation.tasks.forgetting import forgetting
from codelm.evaluation.tasks.idioms import idioms
from codelm.evaluation.tasks.infilling import InfillEvaluation
from codelm.evaluation.tasks.infilling_figures import infill_figures, record
from codelm.evaluation.tasks.likelihood import likelihood
from codelm.evaluation.tasks.memorization import memorization
from codelm.evaluation.time_budget import TimeBudget
from codelm.metrics.number_format import counted

__all__ = ["EvaluationLimits", "EvaluationResult", "evaluate", "infilling"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluationLimits:
    """Limits on how much is measured.

    Attributes:
        minutes: Time for all tasks; what does not fit is measured on fewer items.
        limit: Infill tasks, functions and windows of each kind at most.
        tokens: Tokens of held-out samples at most.
    """

    minutes: float
    limit: int
    tokens: int


@dataclass(slots=True)
class EvaluationResult:
    """The results of an evaluation.

    Attributes:
        figures: The figures of each task, by its name; None for a task that failed.
        infill_rows: Each infill task with its answers, a row of ``holes.jsonl``.
        notes: What was not measured, and why; a sentence each.
    """

    figures: dict[str, Any] = field(default_factory=dict)
    infill_rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_Task = Callable[[], dict[str, Any]]

_DESCRIPTIONS = {
    "likelihood": "bits per byte of held-out commits",
    "general": "bits per byte of general code",
    "holes": "holes that held-out commits filled",
    "idioms": "the repository's idioms",
    "memory": "what is recited of training",
}
"""What each task measures, as the log says it."""


def evaluate(evaluated: EvaluatedModel, data: EvaluationData, limits: EvaluationLimits, seed: int) -> EvaluationResult:
    """Run all tasks; one that fails has None for its figures, and a note.

    Args:
        evaluated: The model, as the base and as tuned.
        data: What it is evaluated on.
        limits: Limits on time and items.
        seed: Decides on the items where there are more than the limits allow.
    """
    budget = TimeBudget(60 * limits.minutes)
    result = EvaluationResult()
    tasks: dict[str, _Task] = {
        "likelihood": lambda: likelihood(evaluated, data, limits.tokens, budget.share(0.25)),
        "general": lambda: forgetting(evaluated, data.encoder, budget.share(0.25)),
        "holes": lambda: infilling(result, InfillEvaluation(evaluated, data, seed), limits.limit, budget.share(0.6)),
        "idioms": lambda: idioms(evaluated, data, limits.limit, budget.share(0.5), seed),
        "memory": lambda: memorization(evaluated, data, limits.limit, budget.share(0.9), seed),
    }
    for number, (name, task) in enumerate(tasks.items(), start=1):
        log.info("evaluation %d/%d: %s", number, len(tasks), _DESCRIPTIONS[name])
        result.figures[name] = _run_task(name, task, result)
    result.notes += evaluation_notes(result.figures, snapshot=bool(data.snapshot))
    return result


def _run_task(name: str, task: _Task, result: EvaluationResult) -> dict[str, Any] | None:
    """Return a task's figures; if it fails, add a note to the result and return None.

    Any error is caught: a finished training must not be lost for a figure.
    """
    started = time.perf_counter()
    try:
        return task()
    except UnmeasuredError as reason:
        result.notes.append(str(reason))
    except CodelmError as error:
        result.notes.append(f"{name} was not measured: {error}")
    except Exception as error:
        log.debug("task %s failed", name, exc_info=True)
        result.notes.append(f"{name} was not measured: {one_line(error)}")
    finally:
        log.debug("%s took %.0f s", name, time.perf_counter() - started)
    return None


def infilling(result: EvaluationResult, evaluation: InfillEvaluation, limit: int, budget: TimeBudget) -> dict[str, Any]:
    """Return the figures of infill tasks; add a row for each task, and notes, to the result.

    Args:
        result: Takes rows and notes.
        evaluation: Chooses the tasks and answers them.
        limit: Tasks at most.
        budget: Time for the answers.

    Raises:
        UnmeasuredError: There is no task, or no time for one.
    """
    tasks = evaluation.tasks(limit)
    if not tasks:
        raise UnmeasuredError("no held-out line makes a hole to fill: raise data.held_out, or give a longer history")
    answered = evaluation.answer(tasks, budget)
    if not answered:
        raise UnmeasuredError(f"time allowed for none of {counted(len(tasks), 'hole')}: raise evaluation.minutes")
    result.infill_rows += [record(row) for row in answered]
    result.notes += infilling_notes([row.task.language for row in answered], len(tasks), evaluation.modes)
    return infill_figures(answered)
