"""The changes of the test split as text, beside their samples in the store: evaluation makes its tasks from them."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from codelm.errors import DamagedDataError
from codelm.git.commits import Change

__all__ = ["HELD_OUT_FILE", "HeldOutChange", "HeldOutWriter", "held_out_change", "held_out_changes", "held_out_writer"]

HELD_OUT_FILE = "test.jsonl.gz"


@dataclass(frozen=True, slots=True)
class HeldOutChange:
    """The change of one file by one commit of the test split.

    Attributes:
        commit: The commit's index in the store's list of commits.
        path: The file's path after the commit.
        text: The whole file after the commit.
        spans: The runs of lines that the commit added, as half-open ranges of line indices from 0.
    """

    commit: int
    path: str
    text: str
    spans: tuple[tuple[int, int], ...]


HeldOutWriter = Callable[[HeldOutChange], None]


def held_out_change(change: Change, commit: int) -> HeldOutChange:
    """Return what is kept of a change of the test split."""
    spans = tuple((hunk.new_start, hunk.new_start + len(hunk.added)) for hunk in change.hunks if hunk.added)
    return HeldOutChange(commit, change.path, change.after or "", spans)


@contextmanager
def held_out_writer(folder: Path) -> Iterator[HeldOutWriter]:
    """Yield a function that writes changes into a store that is being built."""
    # Without the time of writing, so that equal histories make equal files.
    with gzip.GzipFile(folder / HELD_OUT_FILE, "wb", compresslevel=1, mtime=0) as file:

        def write(change: HeldOutChange) -> None:
            file.write(json.dumps(asdict(change)).encode("ascii") + b"\n")

        yield write


def held_out_changes(folder: Path) -> Iterator[HeldOutChange]:
    """Yield the changes of the test split of a finished store.

    Raises:
        DamagedDataError: They cannot be read.
    """
    try:
        with gzip.open(folder / HELD_OUT_FILE, "rt", encoding="ascii") as file:
            for line in file:
                found = json.loads(line)
                yield HeldOutChange(**found | {"spans": tuple((start, stop) for start, stop in found["spans"])})
    except (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error) as error:
        raise DamagedDataError(
            f"the cache {folder} cannot be read ({error}): run again, and it is made anew"
        ) from error
