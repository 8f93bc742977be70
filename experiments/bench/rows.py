"""What the rows of the benchmark are made of: quantities, contenders, and what all rows are measured on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from experiments.bench.tasks import ROOT, Task

__all__ = ["BEFORE", "MEMORY", "SECONDS", "THIS", "Better", "Contender", "Material", "Quantity", "Row", "builds"]

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
        key: Its name in the outcome; what an outcome lacks is left out of the table, and of ours a dash.
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
    """Somebody who does a row's work.

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
class Material:
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
    """A row of the benchmark: a piece of work, and who does it.

    Attributes:
        name: Its name on the command line and in the table.
        work: What is done, in words.
        quantities: What is measured, in the order of the table.
        contenders: Returns those who do it, this build first.
    """

    name: str
    work: str
    quantities: Sequence[Quantity]
    contenders: Callable[[Material], list[Contender]]


def builds(material: Material, function: str, **options: Any) -> list[Contender]:
    """Return the builds that are compared as contenders that do the same task."""
    return [Contender(name, Task(function, folder, options)) for name, folder in material.builds.items()]
