"""Histories: what went into git as commits comes out, of random ones and of odd ones, within bounds of memory."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codelm.errors import CodelmError, one_line
from codelm.git.repository import open_repository, read_commits, read_graph, read_tree
from codelm.history.completeness import clone_notices
from codelm.history.split import split_commits
from experiments.torture.guards import taken_out
from experiments.torture.odd_repositories import ODD, Maker
from experiments.torture.rows import Budget, Row, tally

__all__ = ["rows"]

_RANDOM, _WITHOUT = 1000, 50
_MOST_BYTES = 300e6
_LIMIT = 1_000_000


def rows(budget: Budget) -> Iterator[Row]:
    """Yield the row of random histories and that of odd ones."""
    yield _random(budget)
    tried, held, failures = tally(_odd(name, maker, right) for name, maker, right in ODD)
    guard = "the one line of errors"
    with taken_out(guard):
        without = tally(_odd(name, maker, right) for name, maker, right in ODD if 0 not in right)
    what = (
        f"{len(ODD)} odd and broken repositories by table: opened, split, all commits and files read; status 0, 2 or 3"
        " as the table says, in one line"
    )
    yield Row("histories", what, tried, held, "", guard, without[0], without[1], failures)


def _random(budget: Budget) -> Row:
    guard = "the refusal of what is not UTF-8"
    found = _in_process(budget.count(_RANDOM, least=25), budget.seed, "")
    without = _in_process(budget.count(_WITHOUT, least=20), budget.seed, guard)
    failures = tuple(found["failures"])
    memory = found["memory"] + found["memory_of_git"]
    if memory > _MOST_BYTES:
        failures += (f"{memory / 1e6:.0f} MB",)
    what = (
        "random histories (merges, roots, odd names, modes, encodings, dates, sizes, SHA-256) through git fast-import:"
        " all changes come out as they went in, held-out commits are no ancestors of others, 300 MB at most"
    )
    remark = f"{found['memory'] / 1e6:.0f} MB at most, and {found['memory_of_git'] / 1e6:.0f} MB a git"
    held = found["tried"] - len(failures)
    tried_without, held_without = without["tried"], without["tried"] - len(without["failures"])
    return Row("histories", what, found["tried"], held, remark, guard, tried_without, held_without, failures)


def _in_process(count: int, seed: int, guard: str) -> dict[str, Any]:
    """Read random histories in a process of its own and return what it found."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "experiments.torture.random_histories",
        str(count),
        str(seed),
        guard,
    ]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def _odd(name: str, maker: Maker, right: frozenset[int]) -> str:
    """Make a repository, read all of it, and return what went wrong, if anything."""
    with tempfile.TemporaryDirectory(prefix="codelm-odd-") as scratch:
        folder = maker(Path(scratch))
        try:
            _read_all(folder)
        except CodelmError as error:
            status, line = error.exit_status, str(error)
        except Exception as error:
            status, line = 1, one_line(error)
        else:
            status, line = 0, ""
    is_right = status in right and "\n" not in line and line.isprintable()
    return "" if is_right else f"{name}: status {status}: {line}"


def _read_all(folder: Path) -> None:
    """Read all that codelm reads of a repository."""
    repository = open_repository(folder)
    clone_notices([repository])
    graph = read_graph(repository)
    split = split_commits(graph, 0.2)
    for commit in read_commits(repository, [*split.train, *split.validation, *split.test], lambda path: None, _LIMIT):
        commit.message.encode("utf-8", "surrogateescape")
    for file in read_tree(repository, split.cut, lambda path: None, _LIMIT):
        file.path.encode("utf-8", "surrogateescape")
