"""The rounds of a row: its contenders are measured one after the other, round by round."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from experiments.bench.rows import Inputs, Row
from experiments.bench.tasks import Outcome, TaskFailedError, run

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A row with what was measured of its contenders.

    Attributes:
        row: The row.
        outcomes: Those of each contender, one for each round; fewer of one that could not take part in all.
        absences: Why such a contender could not take part.
    """

    row: Row
    outcomes: Mapping[str, Sequence[Outcome]]
    absences: Mapping[str, str]


def measure(row: Row, inputs: Inputs, rounds: int) -> Measured:
    """Measure all contenders of a row in turn (A B C A B C ...), and write on standard error which one it is.

    Before the first round their preparations are made. One whose package is not installed, or whose process fails,
    takes no part from then on.

    Args:
        row: The row.
        inputs: What is measured on.
        rounds: How often each is measured.
    """
    contenders = row.contenders(inputs)
    outcomes: dict[str, list[Outcome]] = {contender.name: [] for contender in contenders}
    absences = {each.name: _hint(each.needs) for each in contenders if each.needs and not find_spec(each.needs)}
    for number in range(rounds + 1):
        what = f"round {number} of {rounds}" if number else "preparing"
        for contender in (each for each in contenders if each.name not in absences):
            tasks = [contender.task] if number else contender.preparations
            if tasks:
                sys.stderr.write(f"{row.name}: {contender.name}, {what}\n")
            try:
                found = [run(task, inputs.scratch) for task in tasks]
            except TaskFailedError as error:
                absences[contender.name] = f"failed: {error}"
            else:
                outcomes[contender.name] += found if number else []
    return Measured(row, outcomes, absences)


def _hint(package: str) -> str:
    return f"not installed: pip install {package}"
