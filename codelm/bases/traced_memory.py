"""Memory of training steps of bases that were traced before, so that it can be told without torch.

`experiments/memory.py` prints these figures, and docs/memory.md says what is counted.
"""

from dataclasses import dataclass

__all__ = ["TracedStep", "traced_steps"]


@dataclass(frozen=True, slots=True)
class TracedStep:
    """The memory of a training step, in GiB.

    Attributes:
        rows: Rows at a time.
        counted: What is counted.
        with_margin: The same, with what is set aside for what is not.
    """

    rows: int
    counted: float
    with_margin: float


_STEPS = {
    ("bigcode/starcoder2-3b", 16, 4096): (
        *(TracedStep(1, 3.08, 4.09), TracedStep(2, 3.98, 5.08), TracedStep(4, 5.77, 7.05)),
        *(TracedStep(8, 9.36, 11.00), TracedStep(16, 16.57, 18.93)),
    ),
    ("bigcode/starcoder2-3b", 8, 2048): (
        *(TracedStep(1, 2.45, 3.40), TracedStep(2, 2.90, 3.89), TracedStep(4, 3.80, 4.88)),
        *(TracedStep(8, 5.59, 6.85), TracedStep(16, 9.18, 10.80)),
    ),
}
"""By base, rank of the adapters and tokens of a row; in 4 bits, with adapters on the layers of the shipped configs."""


def traced_steps(base: str, rank: int, sequence_length: int) -> tuple[TracedStep, ...]:
    """Return the steps of a base in 4 bits that were traced, the fewest rows first; () where none was.

    Args:
        base: The name by which others find it.
        rank: Of the adapters.
        sequence_length: Tokens of a row.
    """
    return _STEPS.get((base, rank, sequence_length), ())
