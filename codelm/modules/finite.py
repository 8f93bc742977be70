"""Numbers that are not finite: weights that are not saved, and steps that are left out, with their commits."""

import logging
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from codelm.errors import CodelmError

__all__ = ["refuse_not_finite", "report_failure"]

log = logging.getLogger(__name__)

_MOST_NAMED = 5


def refuse_not_finite(weights: Iterable[tuple[str, Tensor]], step: int) -> None:
    """Raise `CodelmError` where trained weights, given with their names, are not finite behind a step."""
    broken = [name for name, weight in weights if not torch.isfinite(weight).all()]
    if broken:
        raise CodelmError(
            f"the weights of step {step} are not saved: {len(broken)} are not finite, first {broken[0]}; go on from the"
            " last checkpoint with a lower learning rate, or with precision 32-true"
        )


def report_failure(trainer: Any, step: int, loss: float, norm: float, *, left: int) -> None:
    """Warn of an optimizer step that is left out; raise `CodelmError` if no more may be.

    Args:
        trainer: The trainer, whose datamodule may know the commits.
        step: The step.
        loss: Its mean loss.
        norm: The norm of its gradient.
        left: How many more may be left out in a row.
    """
    what = f"step {step}: loss {loss}, gradient norm {norm}{_commits_clause(trainer, step)}"
    if not left:
        raise CodelmError(
            f"gave up at {what}; too many steps in a row were not finite: go on from the last checkpoint with a lower"
            " learning rate, or with precision 32-true"
        )
    log.warning("left out %s", what)


def _commits_clause(trainer: Any, step: int) -> str:
    """Return a clause that names the commits an optimizer step learns from; empty where the data does not know."""
    data = getattr(trainer, "datamodule", None)
    known = getattr(data, "commits_of_step", None)
    commits = known(step) if known else []
    more = f" and {len(commits) - _MOST_NAMED} more" if len(commits) > _MOST_NAMED else ""
    named = ", ".join(each[:12] for each in commits[:_MOST_NAMED])
    return f"; its rows are of the commits {named}{more}" if commits else ""
