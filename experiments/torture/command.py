"""Command line of the proof of reliability: one part after the other, the table written after each row."""

import argparse
import logging
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from codelm.errors import one_line
from codelm.files import write_text
from experiments.bench.machine import commit_of
from experiments.program import run_program
from experiments.torture import parts
from experiments.torture.rows import Budget, Part, Row, read_rows, write_rows
from experiments.torture.table import page

__all__ = ["PARTS", "SHORT", "main", "parse_options", "torture"]

PARTS = tuple(sorted(each.name for each in iter_modules(parts.__path__)))
"""The modules of the parts; each has a function ``rows``."""
SHORT = 0.004
"""The share of the full counts that the short form tries."""
_ROOT = Path(__file__).parents[2]

_DESCRIPTION = """\
Try what codelm does where it is killed, where files fail or are damaged, where numbers go wrong, and where its input is
odd or hostile; write a table of how often it held. The exit status is 1 where something did not hold.

    .venv/bin/python -m experiments.torture --short --table build/reliability.md      # minutes
    .venv/bin/python -m experiments.torture --table docs/reliability.md               # hours
    .venv/bin/python -m experiments.torture damage --rows build/rows.jsonl --table docs/reliability.md
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try everything, write the table, and return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parse_options(given)
    command = shlex.join([".venv/bin/python", "-m", "experiments.torture", *given])
    return run_program("experiments.torture", lambda: torture(options, command))


def torture(options: argparse.Namespace, command: str) -> int:
    """Try the parts, write the table, and return 1 if something did not hold."""
    before = [row for row in read_rows(options.rows) if row.part not in options.parts] if options.rows else []
    measured = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, codelm {commit_of(_ROOT)}"
    rows: list[Row] = []
    with _errors_alone(), tempfile.TemporaryDirectory(prefix="codelm-torture-") as scratch:
        share = SHORT if options.short else options.share
        budget = Budget(Path(scratch), share, options.seed, options.repository)
        for name in options.parts:
            for row in _rows(name, budget):
                rows.append(replace(row, measured=measured))
                _tell(row)
                _write(options, [*before, *rows])  # after each row, so that a run that is ended has left something
    return int(not all(row.is_kept for row in rows))


@contextmanager
def _errors_alone() -> Iterator[None]:
    """Log nothing but errors for a while: what goes wrong on purpose is told by the rows."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    with ExitStack() as cleanup:
        for name in ("lightning.pytorch", "codelm"):
            logger = logging.getLogger(name)
            cleanup.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        yield


def _write(options: argparse.Namespace, rows: Sequence[Row]) -> None:
    """Write the rows and the table to the files that are wanted."""
    if options.rows:
        write_rows(options.rows, rows)
    if options.table:
        write_text(options.table, page(rows, PARTS))


def _rows(name: str, budget: Budget) -> Iterator[Row]:
    """Yield the rows of a part; one that breaks is a row that does not hold, and the parts behind it are tried."""
    part: Part = import_module(f"experiments.torture.parts.{name}").rows
    try:
        yield from part(budget)
    except Exception as error:
        traceback.print_exc()
        yield Row(name, "the part itself, to its end", 1, 0, failures=(one_line(error),))


def _tell(row: Row) -> None:
    without = f"; without {row.guard} {row.held_without} of {row.tried_without}" if row.guard else ""
    sys.stdout.write(f"{row.part}: {row.what}: {row.held} of {row.tried}{without}. {row.remark}\n")
    sys.stdout.writelines(f"  did not hold: {each}\n" for each in row.failures[:5])
    sys.stdout.flush()


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.torture",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    named = f"of {' '.join(PARTS)} (default: all)"
    add("parts", nargs="*", choices=(*PARTS, []), default=[], metavar="PART", help=named)
    add("--short", action="store_true", help=f"the same as --share {SHORT}")
    add(
        "--share", type=_share, default=1.0, metavar="X", help="the share of the full counts that is tried (default: 1)"
    )
    add("--seed", type=int, default=0, metavar="N", help="the seed of all that is random (default: 0)")
    add("--repository", type=Path, metavar="FOLDER", help="a real history whose load is measured, too")
    add("--table", type=Path, metavar="FILE", help="write the table to this file, after each row")
    add("--rows", type=Path, metavar="FILE", help="keep the rows of other parts there for the table, and add these")
    options = parser.parse_args(arguments)
    options.parts = options.parts or list(PARTS)  # argparse would compare a default of several with the choices
    return options


def _share(word: str) -> float:
    """Return a number above 0 and at most 1."""
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number above 0 and at most 1")
    return number
