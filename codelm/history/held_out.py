"""The changes of the test part as text, beside their samples in the store: evaluation cuts its questions from them."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from codelm.errors import DamagedDataError
from codelm.git.commits import Change

FILE = "test.jsonl.gz"


@dataclass(frozen=True, slots=True)
class HeldOutChange:
    """What one commit of the test part did to one file.

    Attributes:
        commit: Its place in the store's list of commits.
        path: The file's path after the commit.
        text: The whole file after the commit.
        spans: The runs of lines that the commit added, from the first to behind the last, counted from 0.
    """

    commit: int
    path: str
    text: str
    spans: tuple[tuple[int, int], ...]


Record = Callable[[HeldOutChange], None]


def held_out_change(change: Change, commit: int) -> HeldOutChange:
    """Return what is kept of a change of the test part."""
    spans = tuple((hunk.new_start, hunk.new_start + len(hunk.added)) for hunk in change.hunks if hunk.added)
    return HeldOutChange(commit, change.path, change.after or "", spans)


@contextmanager
def recording(folder: Path) -> Iterator[Record]:
    """Write the changes that are handed over into a store that is being built."""
    with gzip.open(folder / FILE, "wt", compresslevel=1, encoding="ascii") as file:

        def record(change: HeldOutChange) -> None:
            file.write(json.dumps(asdict(change)) + "\n")

        yield record


def held_out_changes(folder: Path) -> Iterator[HeldOutChange]:
    """Read the changes of the test part of a finished store.

    Raises:
        DamagedDataError: They cannot be read.
    """
    try:
        with gzip.open(folder / FILE, "rt", encoding="ascii") as file:
            for line in file:
                found = json.loads(line)
                yield HeldOutChange(**found | {"spans": tuple((start, stop) for start, stop in found["spans"])})
    except (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error) as error:
        raise DamagedDataError(
            f"the cache {folder} cannot be read ({error}): delete that folder and run again"
        ) from error
