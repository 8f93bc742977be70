"""Contents of files, read through one ``git cat-file --batch`` process; ids are sent ahead of reading."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Self

from codelm.git.commits import DAMAGED_OBJECT, MISSING_OBJECT, Change, File, Hunk
from codelm.git.patches import PendingChange, is_binary, parse_hunks
from codelm.git.process import GitEndedError, Process

__all__ = ["BlobReader", "blobs_unread", "with_content", "with_text"]

_MAX_PENDING_IDS = 200
"""Ids sent ahead of reading: they must fit a pipe (16 KiB at least), or git and we wait for each other."""
_BINARY_SNIFF_BYTES = 8000
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"


class _UnreadableError(Exception):
    """A file has no content that can be read as text; the message is the reason."""


def _decode_text(content: bytes) -> str:
    if b"\0" in content[:_BINARY_SNIFF_BYTES]:
        raise _UnreadableError("binary")
    if content.startswith(_LFS_POINTER):
        raise _UnreadableError("LFS pointer")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _UnreadableError("not UTF-8") from None


class BlobReader:
    """Contents of blobs, in the order of the requests; those above a size are skipped without being held in memory."""

    def __init__(self, environment: Mapping[str, str], max_file_bytes: int) -> None:
        self._environment = environment
        self._max_file_bytes = max_file_bytes
        self._queued: deque[str] = deque()
        self._sent: deque[str] = deque()
        self._git = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._git.__exit__()

    def request(self, ids: Iterable[str]) -> None:
        """Request blobs; git reads them while the caller goes on."""
        self._queued.extend(ids)
        self._send()

    def take(self) -> bytes | _UnreadableError:
        """Return the next of the requested blobs, or why it cannot be read.

        The reason is "too large", "missing object" (absent, or not a blob) or "damaged object". It is returned rather
        than raised, because the other blobs of the same change must be taken all the same.
        """
        self._send()
        try:
            return self._read()
        except GitEndedError:
            self._restart()
            return _UnreadableError(DAMAGED_OBJECT)
        finally:
            self._sent.popleft()

    def _start(self) -> Process:
        return Process(self._environment, ["cat-file", "--batch"])

    def _restart(self) -> None:
        """Start a new process after the damaged object that ended git."""
        self._git.__exit__()
        self._git = self._start()
        self._write(list(self._sent)[1:])

    def _send(self) -> None:
        if len(self._sent) < _MAX_PENDING_IDS // 2 and self._queued:
            ids = [self._queued.popleft() for _ in range(min(_MAX_PENDING_IDS - len(self._sent), len(self._queued)))]
            self._sent.extend(ids)
            self._write(ids)

    def _write(self, ids: Iterable[str]) -> None:
        self._git.write("".join(f"{blob}\n" for blob in ids).encode())

    def _read(self) -> bytes | _UnreadableError:
        _, *header = self._git.output.until(b"\n").split()
        if len(header) != 2:
            # Of an absent object git says nothing more than this line, of a broken one it complains.
            return _UnreadableError(DAMAGED_OBJECT if self._git.complains_of(self._sent[0]) else MISSING_OBJECT)
        kind, size = header[0], int(header[1])
        if kind == b"blob" and size <= self._max_file_bytes:
            return self._git.output.take(size + 1)[:-1]
        self._git.output.skip(size + 1)
        return _UnreadableError("too large" if kind == b"blob" else MISSING_OBJECT)


def blobs_unread(environment: Mapping[str, str], ids: Collection[str]) -> dict[str, str]:
    """Return which of some blobs cannot be read, each with its reason; the others are read, but not kept."""
    ordered = sorted(ids)
    with BlobReader(environment, 0) as blobs:
        blobs.request(ordered)
        found = {blob: blobs.take() for blob in ordered}
    return {
        blob: str(content)
        for blob, content in found.items()
        if isinstance(content, _UnreadableError) and str(content) != "too large"
    }


def with_content(pending: PendingChange, blobs: BlobReader) -> Change:
    """Return a change with its text and hunks, or with the reason why they cannot be read."""
    change = pending.change
    contents = [blobs.take() for _ in pending.blobs]  # all of them, also where the first cannot be read
    if change.dropped is not None:
        return change
    try:
        readable = [_readable(content) for content in contents]
        hunks = _hunks(pending.patch)
        return replace(change, after=_decode_text(readable[0]) if readable else None, hunks=hunks)
    except _UnreadableError as error:
        return replace(change, dropped=str(error))


def with_text(file: File, blobs: BlobReader) -> File:
    """Return a file with its text, or with the reason why it cannot be read."""
    if file.dropped is not None:
        return file
    try:
        return replace(file, text=_decode_text(_readable(blobs.take())))
    except _UnreadableError as error:
        return replace(file, dropped=str(error))


def _readable(content: bytes | _UnreadableError) -> bytes:
    if isinstance(content, _UnreadableError):
        raise content
    return content


def _hunks(patch: bytes) -> tuple[Hunk, ...]:
    if is_binary(patch):
        raise _UnreadableError("binary")
    return parse_hunks(patch)
