"""The list of what a corpus holds, by which another can be told from the one that was recorded."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from codelm.files import write_text
from experiments.pretrain.corpus import Entry

NAMED = 5

log = logging.getLogger("pretrain")


def keep_list(entries: Sequence[Entry], recorded: Path, mine: Path, *, record: bool) -> None:
    """Write the list to ``mine``, and to ``recorded`` too where it says the same, is not there or is to be replaced.

    What the distributors offer changes from day to day; the record is of the corpus that the bundled model has read.
    """
    text = table(entries)
    write_text(mine, text)
    other = differing(text, recorded.read_text("utf-8")) if recorded.exists() and not record else []
    if not other:
        write_text(recorded, text)
        return
    named = ", ".join(other[:NAMED]) + (", ..." if len(other) > NAMED else "")
    log.warning(
        "%d packages are not as in %s (%s): what is in this corpus is listed in %s; corpus --record records it",
        *(len(other), recorded.name, named, mine),
    )


def table(entries: Sequence[Entry]) -> str:
    """Return the list as tab-separated text."""
    text = io.StringIO()
    lines = csv.writer(text, delimiter="\t", lineterminator="\n")
    lines.writerow([field.name for field in fields(Entry)])
    lines.writerows(asdict(entry).values() for entry in entries)
    return text.getvalue()


def differing(one: str, other: str) -> list[str]:
    r"""Return the packages that two lists do not both hold alike, sorted.

    >>> both, old, new = "package\tversion\nsmawk\t0.3.1\n", "crc\t1.8.1\n", "crc\t1.8.2\n"
    >>> differing(both + old, both + new)
    ['crc']
    """
    return sorted({package for package, _ in rows(one) ^ rows(other)})


def rows(text: str) -> set[tuple[str, tuple[str, ...]]]:
    """Return the lines of a list, each behind the name of its package."""
    return {(row["package"], tuple(row.values())) for row in csv.DictReader(io.StringIO(text), delimiter="\t")}
