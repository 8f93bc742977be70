"""A long-running git process: writing to its standard input, reading its output in blocks, ending it."""

import fcntl
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import IO, Self

from codelm.git.environment import git_start_errors, one_line

__all__ = ["GitEndedError", "PipeReader", "Process"]

_BLOCK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20  # the most that Linux grants everybody
_LINES_PER_WRITE = 1000


class GitEndedError(Exception):
    """The output of git ended before it was complete."""


class PipeReader:
    """A pipe that is read in blocks, with a search over what has not been taken yet."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._data = bytearray()

    def peek(self) -> bytes:
        """Return the next byte without taking it; empty at the end."""
        if not self._data:
            self._read_block()
        return bytes(self._data[:1])

    def until(self, delimiter: bytes, leave: int = 0) -> bytes:
        """Return what comes before the delimiter, and take that and the delimiter but for its last ``leave`` bytes.

        Without the delimiter it raises `GitEndedError`.
        """
        searched = 0
        while (position := self._data.find(delimiter, searched)) < 0:
            searched = max(0, len(self._data) - len(delimiter))
            self._require_block()
        content = self.take(position)
        del self._data[: len(delimiter) - leave]
        return content

    def take(self, size: int) -> bytes:
        """Take exactly ``size`` bytes; `GitEndedError` if there are fewer."""
        while len(self._data) < size:
            self._require_block()
        content = bytes(self._data[:size])
        del self._data[:size]  # moves the start of a bytearray, not its bytes
        return content

    def skip(self, size: int) -> None:
        """Take ``size`` bytes without keeping them; `GitEndedError` if there are fewer."""
        while size:
            size -= len(self.take(min(size, _BLOCK_BYTES)))

    def rest(self) -> bytes:
        """Take all that is left."""
        while self._read_block():
            pass
        return self.take(len(self._data))

    def _require_block(self) -> None:
        if not self._read_block():
            raise GitEndedError

    def _read_block(self) -> bool:
        # One read only: git may wait for more input before it writes what would fill the block.
        block = self._pipe.read(_BLOCK_BYTES)
        self._data += block
        return bool(block)


def _widen(pipe: IO[bytes]) -> None:
    """Let git write ahead of what is read, where the system allows it: 64 KB hold few files."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class Process:
    """A git process that ends with the ``with`` block; a thread of its own writes the lines of its standard input.

    Writing and reading in one thread would block for ever once both pipes are full.
    """

    def __init__(
        self, environment: Mapping[str, str], arguments: Sequence[str], lines: Iterable[str] | None = None
    ) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__; a pipe that nobody reads could fill
        with git_start_errors():
            self._process = subprocess.Popen(
                ["git", "--no-pager", *arguments],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                cwd="/",
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        _widen(self._stdout)
        self.output = PipeReader(self._stdout)
        self._writer = None if lines is None else threading.Thread(target=self._write_all, args=(lines,), daemon=True)

    def __enter__(self) -> Self:
        if self._writer is not None:
            self._writer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._writer is not None:
            self._writer.join()
        self._stdin.close()
        self._stdout.close()
        self._stderr.close()

    def write(self, data: bytes) -> None:
        """Write to a process that was started without lines; a process that has died ignores it."""
        unwritten = memoryview(data)
        with suppress(BrokenPipeError):
            while unwritten:
                unwritten = unwritten[self._stdin.write(unwritten) :]

    def finish(self) -> str | None:
        """Wait for the end; return git's error message if it failed."""
        if not self._process.wait():
            return None
        self._stderr.seek(0)
        return one_line(self._stderr.read(2000)) or f"git ended with status {self._process.returncode}"

    def complains_of(self, sha: str) -> bool:
        """Return whether git has named an object, by its id or its file, on standard error."""
        # Not read(): the process writes at the position that both share.
        said = os.pread(self._stderr.fileno(), 1 << 20, 0).decode("utf-8", "replace")
        return sha in said or f"{sha[:2]}/{sha[2:]}" in said

    def _write_all(self, lines: Iterable[str]) -> None:
        remaining = iter(lines)
        while block := list(islice(remaining, _LINES_PER_WRITE)):
            self.write("".join(f"{line}\n" for line in block).encode())
        self._stdin.close()
