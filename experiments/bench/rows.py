"""What the rows of the benchmark are made of: quantities, contenders, and what all rows are measured on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from experiments.bench.tasks import ROOT, Task

__all__ = ["BEFORE", "MEMORY", "SECONDS", "THIS", "Better", "Contender", "Inputs", "Quantity", "Row", "builds"]

THIS, BEFORE = "this build", "before"
"""The names of the two builds among the contenders."""


class Better(IntEnum):
    """Whether more or less of a quantity is better, or neither."""

    LESS = -1
    NEITHER = 0
    MORE = 1


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that an outcome holds.

    Attributes:
        key: Its name in the outcome; a contender without it has no line of it, and this build without it a dash.
        heading: Its name in the table, with the unit.
        better: Whether more of it is better.
        places: Decimal places.
    """

    key: str
    heading: str
    better: Better = Better.NEITHER
    places: int = 0


SECONDS = Quantity("seconds", "seconds", Better.LESS, 2)
MEMORY = Quantity("memory", "peak memory, MB", Better.LESS)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do a row's work: a build of codelm, or a peer.

    Attributes:
        name: Its name in the table.
        task: What is measured in each round.
        preparations: What is done once before the first round.
        needs: The package that it needs beside codelm's own, by the name it is installed and imported by.
    """

    name: str
    task: Task
    preparations: Sequence[Task] = ()
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What all rows are measured on.

    Attributes:
        repository: The folder of the repository whose history is read.
        tip: The id of its newest commit.
        earlier: The tenth commit before that, as git names it.
        demo: The folder of the repository that is trained on with the bundled base.
        scratch: A folder for what the contenders make.
        before: The folder of the older build.
        steps: Timed training steps; None for each row's own number.
    """

    repository: str
    tip: str
    earlier: str
    demo: str
    scratch: Path
    before: Path | None = None
    steps: int | None = None

    @property
    def builds(self) -> dict[str, Path]:
        """The folders of the builds that are compared, by the names they have in the table."""
        return {THIS: ROOT} | ({BEFORE: self.before} if self.before else {})

    def folder(self, *names: str) -> str:
        """Return the path of a folder for one contender of one row."""
        return str(self.scratch.joinpath(*(name.replace(" ", "-") for name in names)))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the benchmark: a piece of work, and the contenders that do it.

    Attributes:
        name: Its name on the command line and in the table.
        work: What is done, in words.
        quantities: What is measured, in the order of the table.
        contenders: Returns those that do it, this build first.
    """

    name: str
    work: str
    quantities: Sequence[Quantity]
    contenders: Callable[[Inputs], list[Contender]]


def builds(inputs: Inputs, function: str, **options: Any) -> list[Contender]:
    """Return the builds that are compared as contenders that do the same task."""
    return [Contender(name, Task(function, folder, options)) for name, folder in inputs.builds.items()]
