"""``codelm doctor``: what this machine can do, in some ten lines."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from codelm.cli.diagnosis import Finding, diagnose
from codelm.cli.verbs.parser import VerbParser
from codelm.errors import CodelmError
from codelm.history.store_settings import cache_folder

__all__ = ["run"]

_DESCRIPTION = """\
Say what this machine can do for codelm, and what to do about what is missing. Put its output into bug reports.

Nothing is written or downloaded. The exit status is 1 where something is missing that codelm fit needs."""


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Print the diagnosis, each line as soon as it is known.

    Raises:
        CodelmError: Something is missing that training needs.
    """
    parser = VerbParser("doctor", _DESCRIPTION)
    parser.add_argument("--cache", metavar="FOLDER", help="folder of the tokenised histories, as --data.cache is")
    parser.add_argument("--output", default="runs", metavar="FOLDER", help="the folder of all runs (default: runs)")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    given = parser.parse_args(arguments)
    found = []
    for finding in diagnose(cache_folder(given.cache), Path(given.output)):
        found.append(finding)
        if not given.json:
            sys.stdout.write(_text(finding))
            sys.stdout.flush()  # the next line may take seconds
    if given.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    if missing := [each.name for each in found if each.needed and each.remedy]:
        raise CodelmError(f"codelm fit cannot run here: {', '.join(missing)}; do what the lines with -> say")


def _text(finding: Finding) -> str:
    r"""Return a finding as one line, and its remedy as another.

    >>> print(_text(Finding("disk", "2.0 GiB free in runs", "free some")), end="")
    disk      2.0 GiB free in runs
              -> free some
    """
    remedy = f"{'':10}-> {finding.remedy}\n" if finding.remedy else ""
    return f"{finding.name:<10}{finding.text}\n{remedy}"
