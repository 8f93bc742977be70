"""Rows of the table: what was tried, how often it held, and how often without the guard that makes it hold."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from codelm.files import write_text

__all__ = ["Budget", "Part", "Row", "read_rows", "tally", "until_bad", "write_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """A promise, and how often it was kept.

    Attributes:
        part: The part of the table.
        what: What was done, and what has to come of it.
        tried: How often it was done.
        held: How often it came out as it has to.
        remark: The worst that was seen, or what was measured.
        guard: What was then taken out of codelm, to see the row fail; empty where nothing was.
        tried_without: How often it was done without the guard.
        held_without: How often it came out as it has to nonetheless.
        failures: What did not hold, a line each.
        measured: By which command it was measured, when, and of which build.
    """

    part: str
    what: str
    tried: int
    held: int
    remark: str = ""
    guard: str = ""
    tried_without: int = 0
    held_without: int = 0
    failures: tuple[str, ...] = field(default=(), compare=False)
    measured: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it held each time, and did not where the guard was out: a check that cannot fail shows nothing."""
        shown = self.held_without < self.tried_without if self.guard else True
        return 0 < self.tried == self.held and shown


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is tried, and where.

    Attributes:
        scratch: A folder that is removed afterwards.
        share: What share of the full counts is tried, above 0 and at most 1.
        seed: The seed of all that is random.
        repository: A real history whose load is measured, too.
    """

    scratch: Path
    share: float = 1.0
    seed: int = 0
    repository: Path | None = None

    @property
    def is_short(self) -> bool:
        """Whether it is minutes, and not hours, so that some rows are left out."""
        return self.share < 0.01

    def count(self, full: int, least: int = 1) -> int:
        """Return how often something is tried that is tried ``full`` times in the full form."""
        return max(least, round(full * self.share))

    def random(self, name: str) -> random.Random:
        """Return the random numbers of something with a name."""
        return random.Random(f"{self.seed} {name}")

    def folder(self, name: str) -> Path:
        """Make and return a folder."""
        folder = self.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


Part = Callable[[Budget], Iterable[Row]]
"""A part of the table: yields its rows, each as soon as it is measured."""


def tally(outcomes: Iterable[str]) -> tuple[int, int, tuple[str, ...]]:
    """Return how many outcomes there are, how many are good (empty), and the others.

    >>> tally(["", "used", ""])
    (3, 2, ('used',))
    """
    found = list(outcomes)
    bad = tuple(outcome for outcome in found if outcome)
    return len(found), len(found) - len(bad), bad


def until_bad(outcomes: Iterable[str]) -> Iterator[str]:
    """Yield outcomes up to the first that is not good: one shows what is missing where a guard is out.

    >>> list(until_bad(["", "used", ""]))
    ['', 'used']
    """
    for outcome in outcomes:
        yield outcome
        if outcome:
            return


def write_rows(file: Path, rows: Iterable[Row]) -> None:
    """Write rows to a file, a line of JSON each."""
    write_text(file, "".join(f"{json.dumps(asdict(row))}\n" for row in rows))


def read_rows(file: Path) -> list[Row]:
    """Return the rows of a file; none where there is no such file."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [Row(**(values | {"failures": tuple(values["failures"])})) for values in map(json.loads, lines)]
