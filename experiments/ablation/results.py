"""The file of results: a line of JSON for each finished run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codelm.errors import DamagedDataError
from codelm.files import write_text
from codelm.metrics.likelihood import Cost
from experiments.ablation.measure import Measured, Part
from experiments.ablation.rows import Experiment
from experiments.ablation.trained import Trained


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run.

    Attributes:
        experiment: The key of what all its rows have in common.
        row: Its name.
        seed: Its seed.
        trained: What training took.
        measured: What the held-out commits cost.
        about: What else should be known later: repository, commits, base, steps, versions.
    """

    experiment: str
    row: str
    seed: int
    trained: Trained
    measured: Measured
    about: dict[str, Any]

    def costs(self, form: str | None = None) -> dict[str, Cost]:
        """Return the cost of each commit's new lines, in all forms or in one."""
        found: dict[str, Cost] = {}
        for part in self.measured.parts:
            if form in (None, part.form):
                cost = Cost(part.base, part.tuned, 0, part.bytes)
                found[part.commit] = found.get(part.commit, Cost()) + cost
        return found


def read(path: Path) -> list[Result]:
    """Return all results in a file; none where there is no file.

    Raises:
        DamagedDataError: It cannot be read, or a line is no result.
    """
    try:
        return [result(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedDataError(f"results {path} cannot be read: {error}; give another file") from error


def result(line: dict[str, Any]) -> Result:
    """Return a result from its line."""
    measured = Measured(line["measured"]["cut"], [Part(**part) for part in line["measured"]["parts"]])
    return Result(**line | {"trained": Trained(**line["trained"]), "measured": measured})


def append(path: Path, new: Result) -> None:
    """Add a result: the file is replaced in one step, so that a kill leaves the old one or the new one."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text(path, before + json.dumps(asdict(new)) + "\n")


def of(results: Sequence[Result], experiment: Experiment) -> dict[tuple[str, int], Result]:
    """Return the results of one experiment by row and seed; the newest counts."""
    return {(each.row, each.seed): each for each in results if each.experiment == experiment.key}
