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
from codelm.evaluation.settings import EvaluationSettings
from codelm.evaluation.tasks.cursor import cursor
from codelm.evaluation.tasks.forgetting import forgetting
from codelm.evaluation.tasks.idioms import idioms
from codelm.evaluation.tasks.infilling import InfillEvaluation
from codelm.evaluation.tasks.infilling_figures import infill_figures, record
from codelm.evaluation.tasks.likelihood import likelihood
from codelm.evaluation.tasks.memorization import memorization
from codelm.evaluation.time_budget import OutOfTimeError, TimeBudget
from codelm.metrics.number_format import counted

__all__ = ["EvaluationResult", "evaluate", "infilling"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class EvaluationResult:
    """Each task's figures, None if it failed; a row of ``holes.jsonl`` for each infill task; what was not measured."""

    figures: dict[str, Any] = field(default_factory=dict)
    infill_rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_DESCRIPTIONS = {
    "likelihood": "bits per byte of held-out commits",
    "general": "bits per byte of general code",
    "cursor": "lines of held-out commits from a cursor on",
    "holes": "holes that held-out commits filled",
    "idioms": "the repository's idioms",
    "memory": "what is recited of training",
}
"""What each task measures, as the log says it."""


def evaluate(evaluated: EvaluatedModel, data: EvaluationData, settings: EvaluationSettings) -> EvaluationResult:
    """Run all tasks; one that fails has None for its figures, and a note."""
    budget, limit, seed = TimeBudget(60 * settings.minutes), settings.limit, settings.seed
    infill = InfillEvaluation(evaluated, data, seed)
    result = EvaluationResult()
    tasks: dict[str, Callable[[], dict[str, Any]]] = {
        "likelihood": lambda: likelihood(evaluated, data, settings.tokens, budget.share(0.25)),
        "general": lambda: forgetting(evaluated, data.encoder, budget.share(0.25)),
        "cursor": lambda: cursor(infill, limit, budget.share(0.25)),
        "holes": lambda: infilling(result, infill, limit, budget.share(0.6)),
        "idioms": lambda: idioms(evaluated, data, limit, budget.share(0.5), seed),
        "memory": lambda: memorization(evaluated, data, limit, budget.share(0.9), seed),
    }
    for number, (name, task) in enumerate(tasks.items(), start=1):
        log.info("evaluation %d/%d: %s", number, len(tasks), _DESCRIPTIONS[name])
        result.figures[name] = _run_task(name, task, result, budget)
    result.notes += evaluation_notes(result.figures, snapshot=bool(data.snapshot))
    return result


def _run_task(
    name: str, task: Callable[[], dict[str, Any]], result: EvaluationResult, budget: TimeBudget
) -> dict[str, Any] | None:
    """Return a task's figures; if it fails, add a note to the result and return None.

    Any error is caught: a finished training must not be lost for a figure.

    Args:
        name: The task's key in the figures.
        task: Returns its figures.
        result: Takes the note.
        budget: Time for all tasks.
    """
    started = time.perf_counter()
    try:
        budget.check()
        return task()
    except OutOfTimeError:
        result.notes.append(f"no time was left to measure {_DESCRIPTIONS[name]}: raise evaluation.minutes")
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
