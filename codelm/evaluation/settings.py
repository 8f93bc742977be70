"""The settings of the evaluation, as they stand under ``evaluation`` on the command line."""

from dataclasses import dataclass

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

__all__ = ["EvaluationSettings"]


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class EvaluationSettings:
    """How base and tuned model are evaluated on what training did not see, when training or a test ends.

    Bits per byte on the lines that held-out commits added, what follows a cursor in them, holes they filled, idioms,
    what was forgotten of general code and what is recited of training. A part that fails is named in the report; where
    there can be none, a training ends as it would have, its adapter and manifest are written before, and a test ends
    with an error once its loss is printed.

    Args:
        enabled: Whether to evaluate anything.
        minutes: Time for the evaluation at the end; what does not fit is measured less often.
        limit: Holes, places of a cursor, functions and windows of each kind at most.
        tokens: Tokens of held-out samples at most.
        every_n_epochs: Epochs from one measurement on general code to the next; 0 measures at the end alone.
        batch_size: Rows at a time, or as many prompts as have no more tokens than these; fewer need less memory.
        seed: Decides what is evaluated, where not all can be.
    """

    enabled: bool = True
    minutes: PositiveFloat = 5.0
    limit: PositiveInt = 64
    tokens: PositiveInt = 200_000
    every_n_epochs: NonNegativeInt = 1
    batch_size: PositiveInt = 4
    seed: int = 42
