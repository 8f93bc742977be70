"""The list of a corpus's packages, compared with the recorded list of the bundled model's corpus."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from codelm.files import write_text
from experiments.pretrain.corpus import Entry

__all__ = ["keep_list", "table"]

_NAMED = 5

log = logging.getLogger(__name__)


def keep_list(entries: Sequence[Entry], recorded: Path, own: Path, *, record: bool) -> None:
    """Write the list to ``own``; warn where it differs from the one in ``recorded``.

    What the distributors offer changes from day to day; the record is of the corpus that the bundled model has read.

    Args:
        entries: The packages of the corpus.
        recorded: The file of the record, written where it is missing or equal.
        own: The file of this corpus's list.
        record: Replace the record.
    """
    text = table(entries)
    write_text(own, text)
    other = _differing(text, recorded.read_text("utf-8")) if recorded.exists() and not record else []
    if not other:
        write_text(recorded, text)
        return
    named = ", ".join(other[:_NAMED]) + (", ..." if len(other) > _NAMED else "")
    log.warning(
        "%d packages are not as in %s (%s): what is in this corpus is listed in %s; corpus --record records it",
        *(len(other), recorded.name, named, own),
    )


def table(entries: Sequence[Entry]) -> str:
    """Return the list as tab-separated text."""
    text = io.StringIO()
    lines = csv.writer(text, delimiter="\t", lineterminator="\n")
    lines.writerow([field.name for field in fields(Entry)])
    lines.writerows(asdict(entry).values() for entry in entries)
    return text.getvalue()


def _differing(one: str, other: str) -> list[str]:
    """Return the packages that two lists do not both hold alike, sorted."""
    rows = (csv.DictReader(io.StringIO(text), delimiter="\t") for text in (one, other))
    ours, theirs = ({(row["package"], *row.values()) for row in each} for each in rows)
    return sorted({package for package, *_ in ours ^ theirs})
