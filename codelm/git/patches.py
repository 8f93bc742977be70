r"""Parsing what ``git diff-tree --raw -z -p -U0`` says about commits, by its grammar.

The format of the header is ours (`HEADER`), the rest is git's::

    record  = 0x01, six fields each ended by NUL, NUL, [LF, entries, [NUL, patches]]
    entry   = ":old_mode new_mode old_id new_id status" NUL path NUL [second path NUL if renamed or copied]
    patches = one patch for each entry, two for a change of type; between them LF; each begins with "diff --git "

A message, a name, a path or a file may contain anything, also what looks like the start of a record; so nothing is
searched for but the end of the field at hand. Inside patches that is safe, because git quotes the names in a patch, and
each line of a file follows one of ``+``, ``-``, ``\``.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from codelm.git.commits import Hunk
from codelm.git.process import Ended, Reader

HEADER = "%x01%H%x00%P%x00%aN%x00%aE%x00%at%x00%B%x00"
NEXT_PATCH = b"\ndiff --git "
POSITIONS = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
LAST_SECOND = 2**63 - 1

Judge: TypeAlias = Callable[["Entry"], str | None]
"""Says why a change is not wanted, or None."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a commit says about itself."""

    sha: str
    parents: tuple[str, ...]
    author: str
    email: str
    time: int
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One changed path as git's raw format gives it; modes are octal digits, ids are hexadecimal, 0 for no file."""

    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str
    status: str
    old_path: str
    path: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A change before its contents are read: the patch, or why it is not wanted."""

    entry: Entry
    patch: bytes
    dropped: str | None

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blobs to be read: the new one; of files that git did not compare both, since their size may be why."""
        if self.dropped is not None:
            return ()
        asked = (self.entry.old_blob, self.entry.new_blob) if is_binary(self.patch) else (self.entry.new_blob,)
        return tuple(blob for blob in asked if blob.strip("0"))


@dataclass(frozen=True, slots=True)
class Record:
    """One commit as git printed it."""

    header: Header
    drafts: tuple[Draft, ...]


def read_record(out: Reader, sha: str, following: str | None, judge: Judge) -> Record:
    """Take the record of commit ``sha``, which is followed by that of ``following``, or by the end.

    Patches are kept of the entries to which ``judge`` has no objection.

    Raises:
        Ended: the output ends, or is not what the grammar says, before the record is complete.
    """
    header = _header(out, sha)
    drafts: tuple[Draft, ...] = ()
    if out.peek() == b"\n":
        out.take(1)
        drafts = tuple(_drafts(out, following, judge))
    if out.peek() != (b"\x01" if following else b""):
        raise Ended
    return Record(header, drafts)


def _header(out: Reader, sha: str) -> Header:
    mark, parents, author, email, time, message = (out.until(b"\0") for _ in range(6))
    if mark != b"\x01" + sha.encode() or out.take(1) != b"\0":
        raise Ended
    ancestors = tuple(parents.decode().split())
    return Header(sha, ancestors, _words(author), _words(email), _seconds(time), _words(message))


def _words(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _seconds(digits: bytes) -> int:
    """Return a time that fits 64 bits, whatever the commit claims.

    >>> [_seconds(digits) for digits in (b"12", b"-5", b"", b"18446744073709551615")]
    [12, -5, 0, 9223372036854775807]
    """
    return max(-LAST_SECOND, min(int(digits or 0), LAST_SECOND))


def _entries(out: Reader) -> Iterator[Entry]:
    while out.peek() == b":":
        old_mode, new_mode, old_blob, new_blob, status = out.until(b"\0").decode()[1:].split(" ")
        old_path = path = os.fsdecode(out.until(b"\0"))
        if status[0] in "RC":
            path = os.fsdecode(out.until(b"\0"))
        yield Entry(old_mode, new_mode, old_blob, new_blob, status[0], old_path, path)


def _drafts(out: Reader, following: str | None, judge: Judge) -> Iterator[Draft]:
    judged = [(entry, judge(entry)) for entry in _entries(out)]
    if out.peek() != b"\0":
        yield from (Draft(entry, b"", dropped) for entry, dropped in judged)
        return
    out.take(1)
    ends = [NEXT_PATCH] * (len(judged) - 1)
    for (entry, dropped), end in zip(judged, [*ends, None], strict=True):
        patch = _patch(out, entry, end, following)
        yield Draft(entry, b"" if dropped else _checked(patch, entry), dropped)


def _patch(out: Reader, entry: Entry, end: bytes | None, following: str | None) -> bytes:
    """Take the patch of an entry; of the two of a change of type, the second, which adds the new file."""
    if entry.status == "T":
        out.until(NEXT_PATCH)
    return out.until(end) if end else _last_patch(out, following)


def _last_patch(out: Reader, following: str | None) -> bytes:
    if following is None:
        return out.rest().removesuffix(b"\n")
    mark = b"\n\x01" + following.encode() + b"\0"
    return out.until(mark, leave=len(mark) - 1)


def _checked(patch: bytes, entry: Entry) -> bytes:
    """Refuse a patch that belongs to another entry; a patch without content (mode, pure rename) names no blob."""
    named = re.search(rb"^index (\w+)\.\.(\w+)", patch, re.MULTILINE)
    if named and (named[2].decode() != entry.new_blob or (entry.status != "T" and named[1].decode() != entry.old_blob)):
        raise Ended
    return patch


def is_binary(patch: bytes) -> bool:
    """Whether git refused to compare the contents: binary, marked as such, or too large."""
    return patch.endswith(b" differ") and patch.rfind(b"\nBinary files ") == patch.rfind(b"\n")


def hunks_of(patch: bytes) -> tuple[Hunk, ...]:
    r"""Return the hunks of one patch without context lines.

    >>> hunks_of(b"+++ b\n@@ -3 +2,0 @@ fn main()\n-gone\n@@ -7,0 +7 @@\n+last\n\\ No newline at end of file")[0]
    Hunk(old_start=2, new_start=2, removed=('gone\n',), added=())

    Raises:
        UnicodeDecodeError: a line is not UTF-8.
    """
    start = patch.find(b"\n@@ ")
    return tuple(_hunks(patch[start + 1 :].decode().split("\n"))) if start >= 0 else ()


def _hunks(lines: list[str]) -> Iterator[Hunk]:
    at = 0
    while at < len(lines):
        position = POSITIONS.match(lines[at])
        assert position, f"not the start of a hunk: {lines[at]!r}"
        old, old_count, new, new_count = (int(number or 1) for number in position.groups())
        removed, at = _run(lines, at + 1, old_count)
        added, at = _run(lines, at, new_count)
        # An empty side is numbered by the line before it, a full one by its first line; both count from 1.
        yield Hunk(old - bool(removed), new - bool(added), removed, added)


def _run(lines: list[str], start: int, count: int) -> tuple[tuple[str, ...], int]:
    """Return ``count`` lines without their marks, and where the next ones begin."""
    end = start + count
    taken = [line[1:] + "\n" for line in lines[start:end]]
    if taken and end < len(lines) and lines[end].startswith("\\"):
        taken[-1] = taken[-1][:-1]
        end += 1
    return tuple(taken), end
