"""Checks of the data settings, whether they come from the command or from a program."""

import math

from codelm.errors import InputError

__all__ = ["refuse_invalid_shares", "refuse_too_small"]

_LEAST = {
    "sequence_length": 2,  # the first token of a row has nothing before it to be learned from
    "batch_size": 1,
    "max_commits": 0,
    "curriculum_epochs": 0,
    "seed": 0,
    "num_workers": 0,
}
"""The smallest value of each setting that has no largest one."""


def refuse_too_small(**given: float | None) -> None:
    """Raise `InputError` if a setting is below its value in `_LEAST` or not finite; None passes."""
    for name, value in given.items():
        if value is not None and not _LEAST[name] <= value < math.inf:
            raise InputError(f"data.{name} is {value}: give {_LEAST[name]} or more")


def refuse_invalid_shares(*, context_weight: float, held_out: float) -> None:
    """Raise `InputError` if one of the two is out of its range."""
    if not 0 <= context_weight <= 1:
        raise InputError(f"data.context_weight is {context_weight}: give a weight from 0 to 1, such as 0.1")
    if not 0 < held_out < 1:
        raise InputError(f"data.held_out is {held_out}: give a share between 0 and 1, such as 0.1")
