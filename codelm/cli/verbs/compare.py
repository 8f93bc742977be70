"""``codelm compare``: runs side by side, from what they have written."""

import json
import sys
from collections.abc import Sequence
from textwrap import shorten

from codelm.cli.verbs.parser import VerbParser
from codelm.errors import InputError
from codelm.report.printable_text import printable
from codelm.report.run_comparison import Comparison, compare_runs
from codelm.saved_run import find_run

__all__ = ["run"]

_DESCRIPTION = """\
Show runs side by side: the settings that differ, and the results, of which * marks the best.

  codelm compare ripgrep/version_0 ripgrep/version_1

Changes are against each run's own base, with 95 % intervals over commits."""
_WIDEST = 44
"""Characters of a setting's value that are shown at most."""


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Print the comparison of the runs that the arguments name.

    Raises:
        InputError: A run is not there, or there are fewer than two.
        DamagedDataError: What a run has written is damaged.
    """
    parser = VerbParser("compare", _DESCRIPTION)
    parser.add_argument("runs", nargs="*", metavar="RUN", help="the folder of a run, or its name: the newest version")
    parser.add_argument("--output", default="runs", metavar="FOLDER", help="the folder of all runs (default: runs)")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    given = parser.parse_args(arguments)
    if len(given.runs) < 2:
        raise InputError("codelm compare takes two runs or more: give their folders or names")
    runs = [find_run(name, given.output) for name in given.runs]
    for each in runs:
        each.refuse_other_adapter()
    comparison = compare_runs([each.manifest for each in runs], [each.settings for each in runs])
    labels = [each.label for each in runs]
    if given.json:
        print(json.dumps({"runs": labels, **comparison.as_dict()}, indent=2, default=str))
    else:
        sys.stdout.write(_text(labels, [str(each.figure("status")) for each in runs], comparison))


def _text(labels: Sequence[str], states: Sequence[str], comparison: Comparison) -> str:
    """Return the comparison as a table of text."""
    rows = [["", *labels], ["status", *states], []]
    rows += [[name, *map(_setting, values)] for name, values in comparison.settings.items()]
    rows += [[]] if comparison.settings else [["the settings are equal"], []]
    for result in comparison.results:
        marks = (" *" if place == result.best else "" for place in range(len(labels)))
        rows.append([result.name, *(f"{shown}{mark}" for shown, mark in zip(result.shown, marks, strict=True))])
    rows = [[printable(cell) for cell in row] for row in rows]  # the settings may be a stranger's
    widths = [max(len(row[column]) for row in rows if len(row) > 1) for column in range(len(labels) + 1)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join([*lines, *([""] if comparison.notes else []), *comparison.notes]) + "\n"


def _setting(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return shorten(text, _WIDEST, placeholder=" ...")
