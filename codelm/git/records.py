"""Records of commits from ``git diff-tree``, also where objects are missing or damaged.

Git ends at the first blob that it cannot read, in the middle of a commit. That commit is then read again without the
files that need such a blob; all its other files stay.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from codelm.errors import DamagedDataError
from codelm.git.blobs import blobs_unread
from codelm.git.commits import DAMAGED_OBJECT, Change, Repository
from codelm.git.environment import run_git
from codelm.git.patches import WITH_ENTRIES, WITH_HEADERS, WITH_PATCHES, DropFile, PendingChange, Record, read_record
from codelm.git.process import GitEndedError, Process

__all__ = ["RecordReader"]

_MAX_PATHSPEC_BYTES = 100_000
"""Paths handed to one git process: systems limit the length of a command, the tightest in use to 256 KiB."""


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads the records of a repository's commits in the environment of its isolated git directory."""

    repository: Repository
    environment: Mapping[str, str]
    drop_file: DropFile

    def read(self, shas: Sequence[str]) -> Iterator[Record]:
        """Yield a record of each commit.

        Raises:
            DamagedDataError: A commit or a tree is missing or broken.
        """
        for is_boundary, group in groupby(shas, key=self.repository.shallow.__contains__):
            unread = deque(group)
            while unread:
                for record in self._stream(list(unread), WITH_HEADERS if is_boundary else WITH_PATCHES):
                    unread.popleft()
                    yield record
                if unread:
                    yield self._record(unread.popleft())

    def _stream(self, shas: Sequence[str], arguments: Sequence[str]) -> Iterator[Record]:
        """Yield the records that one git process prints; they end early at an object that it cannot read."""
        with Process(self.environment, arguments, lines=shas) as git, suppress(GitEndedError):
            for sha, next_sha in zip(shas, [*shas[1:], None], strict=True):
                record = read_record(git.output, sha, next_sha, self.drop_file)
                # What git had written when it died may look complete: the last record counts only if git succeeded.
                if next_sha is None and git.finish() is not None:
                    return
                yield record

    def _first(self, sha: str, arguments: Sequence[str]) -> Record | None:
        return next(self._stream([sha], arguments), None)

    def _record(self, sha: str) -> Record:
        """Read a commit at which git may have died, without the files that need an object it cannot read."""
        record = self._first(sha, WITH_PATCHES)
        if record is not None:  # git died at the commit after it
            return record
        record = self._first(sha, WITH_ENTRIES)
        if record is None:
            message = run_git(["git", "diff-tree", "-r", "--root", sha], self.environment).stderr
            raise DamagedDataError(
                f"{self.repository.path}: commit {sha} cannot be read: {message}; run git fsck there"
            )
        changes = [pending.change for pending in record.changes]
        reasons = blobs_unread(self.environment, {blob for change in changes for blob in _blobs(change)})
        lost = [change for change in changes if _blobs(change) & reasons.keys()]
        parts = [self._first(sha, [*WITH_PATCHES, "--", *paths]) for paths in _pathspecs(changes, lost)]
        readable = [pending for part in parts if part is not None for pending in part.changes]
        if None in parts:  # there is an object that git reads and cannot compare
            readable, lost = [], changes
        return Record(record.commit, (*readable, *(_without_content(change, reasons) for change in lost)))


def _blobs(change: Change) -> set[str]:
    """Return the ids of the blobs that git compares; of a change of type, the old one may be no blob."""
    ids = {change.new_blob} if change.status == "T" else {change.old_blob, change.new_blob}
    return {blob for blob in ids if blob.strip("0")}


def _without_content(change: Change, reasons: Mapping[str, str]) -> PendingChange:
    found = sorted(reasons[blob] for blob in _blobs(change) if blob in reasons)
    return PendingChange(replace(change, dropped=change.dropped or next(iter(found), DAMAGED_OBJECT)), b"")


def _pathspecs(changes: Sequence[Change], lost: Sequence[Change]) -> Iterator[list[str]]:
    """Yield lists of patterns which together name the paths of all changes but the lost ones."""
    if len(lost) == len(changes):
        return
    excluded = list(_chunks(f":(exclude,literal){change.path}" for change in lost))
    if len(excluded) == 1:  # one command finds renames among all that is left
        yield from excluded
        return
    gone = {change.path for change in lost}
    yield from _chunks(f":(literal){change.path}" for change in changes if change.path not in gone)


def _chunks(patterns: Iterable[str]) -> Iterator[list[str]]:
    """Yield the patterns in lists that fit a command."""
    chunk: list[str] = []
    size = 0
    for pattern in patterns:
        length = len(os.fsencode(pattern))
        if chunk and size + length > _MAX_PATHSPEC_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(pattern)
        size += length
    yield chunk
