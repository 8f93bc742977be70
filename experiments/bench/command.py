"""Command line of the benchmark: measure the rows one after the other, and print the table."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from codelm.errors import InputError
from codelm.files import write_text
from codelm.git.repository import open_repository
from experiments.bench.history_rows import HISTORY_ROWS
from experiments.bench.machine import header
from experiments.bench.rounds import measure
from experiments.bench.rows import Inputs
from experiments.bench.table import page
from experiments.bench.training_rows import TRAINING_ROWS
from experiments.program import run_program

__all__ = ["ROWS", "bench", "inputs_of", "main", "parse_options"]

ROWS = {row.name: row for row in (*TRAINING_ROWS, *HISTORY_ROWS)}
_NEW_COMMITS = 10

_DESCRIPTION = """\
Measure this build of codelm, an older one beside it (--before) and peers, and print a table.

    git worktree add ../codelm-before HEAD~5
    .venv/bin/python -m experiments.bench ~/src/tokio ~/src/ripgrep --before ../codelm-before

Everything is measured in a process of its own, with the threads and the environment that this command has, and with the
libraries of this interpreter. Peers that are not installed are named in the table:

    .venv/bin/pip install -c constraints.txt -e '.[bench]'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse_options(sys.argv[1:] if arguments is None else arguments)
    return run_program("experiments.bench", lambda: bench(options))


def bench(options: argparse.Namespace) -> int:
    """Measure, print the table, and return 1 if a contender failed."""
    if options.table:
        _refuse_unwritable(options.table)
    with TemporaryDirectory(prefix="codelm-bench-") as scratch:
        inputs = inputs_of(options, Path(scratch))
        about = header(inputs.builds, options.rounds)
        measured = []
        for name in dict.fromkeys(options.rows):
            measured.append(measure(ROWS[name], inputs, options.rounds))
            text = page(about, measured)
            if options.table:  # after each row, so that a run that is ended has left something
                write_text(options.table, text)
    sys.stdout.write(text)
    return int(any(why.startswith("failed") for each in measured for why in each.absences.values()))


def _refuse_unwritable(table: Path) -> None:
    """Raise `InputError` where the table could not be written: now, and not after the first row."""
    if table.is_dir():
        raise InputError(f"--table {table} is a folder; give the name of a file")
    if not os.access(table.parent, os.W_OK | os.X_OK):
        raise InputError(f"--table {table} cannot be written; give a file in a folder that can")


def inputs_of(options: argparse.Namespace, scratch: Path) -> Inputs:
    """Return what all rows are measured on; raise `InputError` where the options name what is not there."""
    before = options.before.expanduser().resolve() if options.before else None
    if before and not (before / "codelm" / "__init__.py").is_file():
        raise InputError(f"--before {options.before} holds no codelm/__init__.py; give a checkout of an older commit")
    repository = open_repository(options.repository)
    demo = open_repository(options.demo or options.repository)
    return Inputs(
        repository=str(Path(repository.path).resolve()),
        tip=repository.tip,
        earlier=f"{repository.tip}~{_NEW_COMMITS}",
        demo=str(Path(demo.path).resolve()),
        scratch=scratch,
        before=before,
        steps=options.steps,
    )


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("repository", metavar="REPOSITORY", help="the repository whose history is read")
    add("demo", metavar="DEMO", nargs="?", help="the repository that is trained on (default: the same)")
    add("--before", type=Path, metavar="FOLDER", help="a checkout of an older commit of codelm")
    rows = f"of {' '.join(ROWS)} (default: all)"
    add("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME", help=rows)
    add("--rounds", type=_positive, default=3, metavar="N", help="how often all measure, in turn (default: 3)")
    add("--steps", type=_positive, metavar="N", help="timed training steps (default: 6 to 20, as the row is)")
    add("--table", type=Path, metavar="FILE", help="also write the table to this file, after each row")
    return parser.parse_args(arguments)


def _positive(word: str) -> int:
    """Return a whole number of 1 or more."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of 1 or more")
    return int(word)
