"""Talking with a git process that runs for long: feeding it, reading its answer in blocks, ending it."""

import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

from codelm.git.environment import needing_git, one_line

BLOCK = 1 << 18


class Ended(Exception):  # noqa: N818 - not an error until somebody knows why git ended
    """Git ended before it had said all that was expected."""


class Reader:
    """A pipe read in blocks, with a search over what has not been taken yet."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._data = bytearray()

    def peek(self) -> bytes:
        """Return the next byte without taking it; empty at the end."""
        if not self._data:
            self._more()
        return bytes(self._data[:1])

    def until(self, mark: bytes, leave: int = 0) -> bytes:
        """Take all that comes before ``mark``, and the mark itself but for its last ``leave`` bytes.

        Raises:
            Ended: the mark never comes.
        """
        seen = 0
        while (found := self._data.find(mark, seen)) < 0:
            seen = max(0, len(self._data) - len(mark))
            self._expect_more()
        piece = self.take(found)
        del self._data[: len(mark) - leave]
        return piece

    def take(self, size: int) -> bytes:
        """Take exactly ``size`` bytes.

        Raises:
            Ended: there are fewer.
        """
        while len(self._data) < size:
            self._expect_more()
        piece = bytes(self._data[:size])
        del self._data[:size]  # moves the start of a bytearray, not its bytes
        return piece

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes without keeping them.

        Raises:
            Ended: there are fewer.
        """
        while size:
            size -= len(self.take(min(size, BLOCK)))

    def rest(self) -> bytes:
        """Take all that is left."""
        while self._more():
            pass
        return self.take(len(self._data))

    def _expect_more(self) -> None:
        if not self._more():
            raise Ended

    def _more(self) -> bool:
        # One read, and no more: a process that waits to be asked would never fill the block.
        block = self._pipe.read(BLOCK)
        self._data += block
        return bool(block)


class Process:
    """A git process that reads through a keyhole: fed by a thread of its own, and ended with the ``with`` block.

    Feeding and reading in one thread would stand still once both pipes are full.
    """

    def __init__(
        self, surroundings: Mapping[str, str], words: Sequence[str], lines: Iterable[str] | None = None
    ) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__; a pipe that nobody reads could fill
        with needing_git():
            self._git = subprocess.Popen(
                ["git", "--no-pager", *words],
                env=surroundings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                bufsize=0,
                cwd="/",
            )
        assert self._git.stdin is not None
        assert self._git.stdout is not None
        self._input, self._output = self._git.stdin, self._git.stdout
        self.out = Reader(self._output)
        self._feeder = threading.Thread(target=self._feed, args=(lines,), daemon=True) if lines is not None else None

    def __enter__(self) -> Self:
        if self._feeder is not None:
            self._feeder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._git.kill()
        self._git.wait()
        if self._feeder is not None:
            self._feeder.join()
        self._input.close()
        self._output.close()
        self._complaints.close()

    def write(self, lines: Iterable[str]) -> None:
        """Give lines to a process without a feeder; a process that has died ignores them."""
        self._send("".join(f"{line}\n" for line in lines).encode())

    def finish(self) -> str | None:
        """Wait for the end; return git's complaint if it failed."""
        if not self._git.wait():
            return None
        self._complaints.seek(0)
        return one_line(self._complaints.read(2000)) or f"git ended with status {self._git.returncode}"

    def _feed(self, lines: Iterable[str]) -> None:
        block: list[str] = []
        for line in lines:
            block.append(line)
            if len(block) == 1000:
                self.write(block)
                block.clear()
        self.write(block)
        self._input.close()

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        with suppress(BrokenPipeError):
            while view:
                view = view[self._input.write(view) :]
