"""The change of a tuned model by further training: bits per byte of held-out commits, before and after."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from codelm.evaluation.data import EvaluationData
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.likelihood import held_out_samples, scored_in_time, scored_runs
from codelm.evaluation.time_budget import TimeBudget
from codelm.metrics.likelihood import comparison, sum_by_commit

__all__ = ["adapter_change"]


def adapter_change(
    evaluated: EvaluatedModel,
    data: EvaluationData,
    max_tokens: int,
    budget: TimeBudget,
    as_before: Callable[[], AbstractContextManager[None]],
) -> dict[str, Any]:
    """Return bits per byte of held-out commits before and after, and the change with its 95 % interval, in percent.

    They are those of the ``lines`` that count in the report: the "new" ones, which no file held when training ended, or
    all "added" ones where none is new, or no whole files say which are.

    Args:
        evaluated: The model as it is after the training.
        data: The held-out samples and the snapshot.
        max_tokens: Tokens of held-out samples at most.
        budget: Time to score them.
        as_before: Returns a context in which the model is as it was before.

    Raises:
        UnmeasuredError: Nothing was held out, or there was no time for any of it.
    """
    scored = scored_in_time(evaluated, held_out_samples(data, max_tokens), budget, as_before)
    runs = [run for each in scored for run in scored_runs(data, *each)]
    kinds = {
        "new": sum_by_commit((run.commit, run.new) for run in runs),
        "added": sum_by_commit((run.commit, run.added) for run in runs),
    }
    lines = "new" if data.snapshot and any(nll.bytes for nll in kinds["new"].values()) else "added"
    nlls = list(kinds[lines].values())
    found = comparison(nlls)
    if found is None:
        raise UnmeasuredError("no line of the held-out commits has text: raise data.held_out")
    return {
        "lines": lines,
        "commits": found["commits"],
        "bytes": sum(nll.bytes for nll in nlls),
        "before": found["base"],
        "after": found["tuned"],
        "change_percent": found["change_percent"],
        "interval": found["interval"],
    }
