"""The file of results: a line of JSON for each finished run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codelm.errors import DamagedDataError
from codelm.files import write_text
from codelm.metrics.likelihood import Nll, sum_by_commit
from experiments.ablation.measure import CommitNll, Measured
from experiments.ablation.rows import Experiment
from experiments.ablation.trained import Trained

__all__ = ["Result", "append", "of_experiment", "read_results"]


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run of the experiment with that key; the names of the fields are the keys in the file.

    ``about`` is what else should be known later: repository, commits, base, steps, versions.
    """

    experiment: str
    row: str
    seed: int
    trained: Trained
    measured: Measured
    about: dict[str, Any]

    def nll(self, *forms: str) -> dict[str, Nll]:
        """Return the nll of each commit in some forms; without any, that of its new lines. Tokens are not counted."""
        parts = [*self.measured.parts, *self.measured.cursor] if forms else self.measured.parts
        chosen = (part for part in parts if not forms or part.form in forms)
        return sum_by_commit((part.commit, Nll(part.base, part.tuned, 0, part.bytes)) for part in chosen)


def read_results(path: Path) -> list[Result]:
    """Return all results in a file; none where there is no file."""
    try:
        return [_parse_result(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedDataError(f"results {path} cannot be read: {error}; give another file") from error


def _parse_result(line: dict[str, Any]) -> Result:
    """Return the result that a line of the file holds."""
    parts, cursor = ([CommitNll(**part) for part in line["measured"][name]] for name in ("parts", "cursor"))
    measured = Measured(line["measured"]["cut"], parts, cursor)
    return Result(**line | {"trained": Trained(**line["trained"]), "measured": measured})


def append(path: Path, new: Result) -> None:
    """Add a result: the file is replaced in one step, so that a kill leaves the old one or the new one."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text(path, before + json.dumps(asdict(new)) + "\n")


def of_experiment(results: Sequence[Result], experiment: Experiment) -> dict[tuple[str, int], Result]:
    """Return the results of one experiment by row and seed; the newest counts."""
    return {(each.row, each.seed): each for each in results if each.experiment == experiment.key}
