r"""Parser of the output of ``git diff-tree --raw -z -p -U0``.

The format of the header is ours (`_HEADER`), the rest is git's::

    record  = 0x01, six fields each ended by NUL, NUL, [LF, entries, [NUL, patches]]
    entry   = ":old_mode new_mode old_id new_id status" NUL path NUL [second path NUL if renamed or copied]
    patches = one patch for each entry, two for a change of type; between them LF; each begins with "diff --git "

A message, a name, a path or a file may contain anything, also what looks like the start of a record; so nothing is
searched for but the end of the present field. Inside patches that is safe, because git quotes the names in a patch, and
each line of a file follows one of ``+``, ``-``, ``\``.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from codelm.git.commits import Change, Commit, Hunk
from codelm.git.process import GitEndedError, PipeReader

__all__ = [
    "WITH_ENTRIES",
    "WITH_HEADERS",
    "WITH_PATCHES",
    "DropFile",
    "PendingChange",
    "Record",
    "is_binary",
    "parse_hunks",
    "read_record",
]

_HEADER = "%x01%H%x00%P%x00%aN%x00%aE%x00%at%x00%B%x00"
WITH_HEADERS = ["diff-tree", "--stdin", "-z", "--always", "--encoding=UTF-8", f"--format={_HEADER}"]
WITH_ENTRIES = [*WITH_HEADERS, "-r", "--root", "--raw", "--no-abbrev"]
WITH_PATCHES = [*WITH_ENTRIES, "-p", "-U0", "-M50%", "-l1000", "--full-index", "--no-ext-diff", "--no-textconv"]
WITH_PATCHES += ["--no-color", "--diff-algorithm=histogram", "--indent-heuristic", "--inter-hunk-context=0"]
_NEXT_PATCH = b"\ndiff --git "
_POSITIONS = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_LAST_SECOND = 2**63 - 1

DropFile = Callable[[str, str], str | None]
"""Returns why the content of a file is not read, by its path and its mode (octal digits); None where it is."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change whose blobs are not read yet, and its patch."""

    change: Change
    patch: bytes

    @property
    def blobs(self) -> tuple[str, ...]:
        """Ids of the blobs to read: the new one; both where git did not compare them, since either may be too large."""
        if self.change.dropped is not None:
            return ()
        ids = (self.change.old_blob, self.change.new_blob) if is_binary(self.patch) else (self.change.new_blob,)
        return tuple(blob for blob in ids if blob.strip("0"))


@dataclass(frozen=True, slots=True)
class Record:
    """One commit as git printed it: the commit without its changes, and those."""

    commit: Commit
    changes: tuple[PendingChange, ...]


def read_record(output: PipeReader, sha: str, next_sha: str | None, drop_file: DropFile) -> Record:
    """Read the record of one commit.

    Args:
        output: The output of git, at the beginning of the record.
        sha: Id of the commit.
        next_sha: Id of the commit whose record follows; None where the output ends.
        drop_file: Returns why a file is dropped; patches of dropped files are not kept.

    Raises:
        GitEndedError: The output ends, or differs from the grammar, before the record is complete.
    """
    commit = _commit(output, sha)
    changes: tuple[PendingChange, ...] = ()
    if output.peek() == b"\n":
        output.take(1)
        changes = tuple(_changes(output, next_sha, drop_file))
    if output.peek() != (b"\x01" if next_sha else b""):
        raise GitEndedError
    return Record(commit, changes)


def _commit(output: PipeReader, sha: str) -> Commit:
    start, *fields = (output.until(b"\0") for _ in range(6))
    if start != b"\x01" + sha.encode() or output.take(1) != b"\0":
        raise GitEndedError
    parents, author, email, time, message = (field.decode("utf-8", "replace") for field in fields)
    return Commit(sha, tuple(parents.split()), author, email, _seconds(time), message, changes=())


def _seconds(digits: str) -> int:
    """Return a time that fits 64 bits, whatever the commit claims.

    >>> [_seconds(digits) for digits in ("12", "-5", "", "18446744073709551615")]
    [12, -5, 0, 9223372036854775807]
    """
    return max(-_LAST_SECOND, min(int(digits or 0), _LAST_SECOND))


def _changes(output: PipeReader, next_sha: str | None, drop_file: DropFile) -> Iterator[PendingChange]:
    changes = list(_entries(output, drop_file))
    if output.peek() != b"\0":
        yield from (PendingChange(change, b"") for change in changes)
        return
    output.take(1)
    for number, change in enumerate(changes, 1):
        if change.status == "T":  # of the two patches of a change of type, the second adds the new file
            output.until(_NEXT_PATCH)
        patch = output.until(_NEXT_PATCH) if number < len(changes) else _last_patch(output, next_sha)
        yield PendingChange(change, b"" if change.dropped else _checked(patch, change))


def _entries(output: PipeReader, drop_file: DropFile) -> Iterator[Change]:
    while output.peek() == b":":
        old_mode, new_mode, old_blob, new_blob, status = output.until(b"\0").decode()[1:].split(" ")
        old_path = path = os.fsdecode(output.until(b"\0"))
        if status[0] in "RC":
            path = os.fsdecode(output.until(b"\0"))
        dropped = drop_file(path, old_mode if status == "D" else new_mode)
        yield Change(path, old_path, status[0], old_blob, new_blob, dropped=dropped)


def _last_patch(output: PipeReader, next_sha: str | None) -> bytes:
    if next_sha is None:
        return output.rest().removesuffix(b"\n")
    next_record = b"\n\x01" + next_sha.encode() + b"\0"
    return output.until(next_record, leave=len(next_record) - 1)


def _checked(patch: bytes, change: Change) -> bytes:
    """Refuse the patch of another change; a patch without content (mode, pure rename) names no blob."""
    ids = re.search(rb"^index (\w+)\.\.(\w+)", patch, re.MULTILINE)
    if ids and (ids[2].decode() != change.new_blob or (change.status != "T" and ids[1].decode() != change.old_blob)):
        raise GitEndedError
    return patch


def is_binary(patch: bytes) -> bool:
    """Return whether git did not compare the contents: binary, marked as such, or too large."""
    return patch.endswith(b" differ") and patch.rfind(b"\nBinary files ") == patch.rfind(b"\n")


def parse_hunks(patch: bytes) -> tuple[Hunk, ...]:
    r"""Return the hunks of a patch without context lines.

    >>> parse_hunks(b"+++ b\n@@ -3 +2,0 @@ fn main()\n-gone\n@@ -7,0 +7 @@\n+last\n\\ No newline at end of file")[0]
    Hunk(old_start=2, new_start=2, removed=('gone\n',), added=())

    Bytes that are not UTF-8, as in what a conversion to UTF-8 removes, become U+FFFD.
    """
    start = patch.find(b"\n@@ ")
    return tuple(_hunks(patch[start + 1 :].decode(errors="replace").split("\n"))) if start >= 0 else ()


def _hunks(lines: list[str]) -> Iterator[Hunk]:
    index = 0
    while index < len(lines):
        positions = _POSITIONS.match(lines[index])
        assert positions, f"not the start of a hunk: {lines[index]!r}"
        old, old_count, new, new_count = (int(number or 1) for number in positions.groups())
        removed, index = _side(lines, index + 1, old_count)
        added, index = _side(lines, index, new_count)
        # An empty side is numbered by the line before it, a full one by its first line; both count from 1.
        yield Hunk(old - bool(removed), new - bool(added), removed, added)


def _side(lines: list[str], start: int, count: int) -> tuple[tuple[str, ...], int]:
    """Return the ``count`` lines from ``start`` without their signs, and the index of the line after them."""
    end = start + count
    side = [line[1:] + "\n" for line in lines[start:end]]
    if side and end < len(lines) and lines[end].startswith("\\"):
        side[-1] = side[-1][:-1]
        end += 1
    return tuple(side), end
