"""Checks of the data settings, whether they come from the command or from a program, and what counts for nothing."""

import math

from codelm.errors import InputError
from codelm.history.samples.formats import Formats
from codelm.special_tokens import PromptFormat

__all__ = ["refuse_invalid_shares", "refuse_too_small", "unused_cursor_rate"]

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


def unused_cursor_rate(formats: Formats, chosen: PromptFormat) -> str | None:
    """Return a sentence where a ``cursor_rate`` of the user's counts for nothing: there are no holes.

    That the default counts for nothing, which the configuration of each run names, need not be said.
    """
    if formats.cursor_rate in (0, Formats().cursor_rate) or (chosen.infill and formats.fim_rate):
        return None
    why = f"format {chosen.name} has no holes" if not chosen.infill else "data.formats.fim_rate 0 makes no holes"
    return f"data.formats.cursor_rate {formats.cursor_rate:g} has no effect: {why}"
