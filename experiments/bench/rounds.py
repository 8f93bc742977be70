"""The rounds of a row: its contenders measure one after the other, round by round."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from experiments.bench.rows import Contender, Inputs, Row
from experiments.bench.tasks import Outcome, TaskFailedError, run

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A row with what its contenders measured.

    Attributes:
        row: The row.
        outcomes: Those of each contender, one for each round; none of one that could not take part.
        absences: Why such a contender could not take part.
    """

    row: Row
    outcomes: Mapping[str, Sequence[Outcome]]
    absences: Mapping[str, str]


def measure(row: Row, inputs: Inputs, rounds: int) -> Measured:
    """Let all contenders of a row measure in turn (A B C A B C ...), and write on standard error which one does.

    One whose package is not installed, or whose process fails, takes no part from then on.

    Args:
        row: The row.
        inputs: What is measured on.
        rounds: How often each measures.
    """
    contenders = row.contenders(inputs)
    outcomes: dict[str, list[Outcome]] = {contender.name: [] for contender in contenders}
    absences = {each.name: _hint(each.needs) for each in contenders if each.needs and not find_spec(each.needs)}
    for number in range(rounds + 1):
        for contender in contenders:
            if contender.name in absences:
                continue
            what = f"round {number} of {rounds}" if number else "preparing"
            try:
                if number or contender.preparations:
                    sys.stderr.write(f"{row.name}: {contender.name}, {what}\n")
                outcomes[contender.name] += _outcomes(contender, inputs.scratch, prepares=number == 0)
            except TaskFailedError as error:
                absences[contender.name] = f"failed: {error}"
    return Measured(row, outcomes, absences)


def _hint(package: str) -> str:
    return f"not installed: pip install {package}"


def _outcomes(contender: Contender, scratch: Path, *, prepares: bool) -> list[Outcome]:
    """Do the preparations of a contender and return nothing, or do its task and return the outcome."""
    if not prepares:
        return [run(contender.task, scratch)]
    for task in contender.preparations:
        run(task, scratch)
    return []
