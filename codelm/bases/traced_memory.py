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
        host: What a GPU's host keeps of it.
    """

    rows: int
    counted: float
    with_margin: float
    host: float = 0.0


_STEPS = {
    ("bigcode/starcoder2-3b", 16, 4096, False): (
        *(TracedStep(1, 3.08, 4.09), TracedStep(2, 3.98, 5.08), TracedStep(4, 5.77, 7.05)),
        *(TracedStep(8, 9.36, 11.00), TracedStep(16, 16.57, 18.93)),
    ),
    ("bigcode/starcoder2-3b", 16, 4096, True): (
        *(TracedStep(1, 2.42, 3.37, 0.73), TracedStep(2, 2.67, 3.63, 1.45), TracedStep(4, 3.15, 4.16, 2.91)),
        *(TracedStep(8, 4.11, 5.22, 5.81), TracedStep(16, 6.07, 7.38, 11.63)),
    ),
    ("bigcode/starcoder2-3b", 8, 2048, False): (
        *(TracedStep(1, 2.45, 3.40), TracedStep(2, 2.90, 3.89), TracedStep(4, 3.80, 4.88)),
        *(TracedStep(8, 5.59, 6.85), TracedStep(16, 9.18, 10.80)),
    ),
    ("bigcode/starcoder2-3b", 8, 2048, True): (
        *(TracedStep(1, 2.12, 3.04, 0.36), TracedStep(2, 2.24, 3.17, 0.73), TracedStep(4, 2.49, 3.43, 1.45)),
        *(TracedStep(8, 2.97, 3.96, 2.91), TracedStep(16, 3.93, 5.02, 5.81)),
    ),
}
"""By base, rank of the adapters, tokens of a row, and whether the host keeps the activations; in 4 bits, with adapters
on the layers of the shipped configs."""


def traced_steps(base: str, rank: int, sequence_length: int, *, offloads: bool = False) -> tuple[TracedStep, ...]:
    """Return the steps of a base in 4 bits that were traced, the fewest rows first; () where none was.

    Args:
        base: The name by which others find it.
        rank: Of the adapters.
        sequence_length: Tokens of a row.
        offloads: Whether a GPU's host keeps what gradient checkpointing keeps.
    """
    return _STEPS.get((base, rank, sequence_length, offloads), ())
