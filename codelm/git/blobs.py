"""Reading the contents of files: one ``git cat-file --batch``, asked a little ahead of what is taken from it."""

from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from codelm.git.process import Ended, Process

AHEAD = 200
"""Ids that may await an answer: they must fit a pipe (16 KiB at least), or git and we wait for each other."""
GIT_LOOKS_FOR_NUL_IN = 8000
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"


class Unreadable(Exception):  # noqa: N818 - a verdict on a file, not an error of the program
    """Why a file cannot be taken as text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def text_of(content: bytes) -> str:
    """Return the text of a file, exactly.

    Raises:
        Unreadable: "binary", "LFS pointer" or "not UTF-8".
    """
    if b"\0" in content[:GIT_LOOKS_FOR_NUL_IN]:
        raise Unreadable("binary")
    if content.startswith(LFS_POINTER):
        raise Unreadable("LFS pointer")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None


def content_of(answer: bytes | Unreadable) -> bytes:
    """Return the bytes of an answer.

    Raises:
        Unreadable: it is a reason instead.
    """
    if isinstance(answer, Unreadable):
        raise answer
    return answer


class Blobs:
    """Contents of blobs, in the order in which they were asked for; larger ones are passed over without being kept."""

    def __init__(self, surroundings: Mapping[str, str], max_file_bytes: int) -> None:
        self._surroundings = surroundings
        self._max_file_bytes = max_file_bytes
        self._waiting: deque[str] = deque()
        self._asked: deque[str] = deque()
        self._git = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._git.__exit__(kind, error, traceback)

    def ask(self, ids: Iterable[str]) -> None:
        """Order blobs; git looks them up while we do something else."""
        self._waiting.extend(ids)
        self._send()

    def take(self) -> bytes | Unreadable:
        """Return the next blob that was asked for.

        Or the reason why not: "too large" or "missing object" (absent, damaged, or not a blob).
        """
        self._send()
        try:
            return self._answer()
        except Ended:
            self._restart()
            return Unreadable("missing object")
        finally:
            self._asked.popleft()

    def _start(self) -> Process:
        return Process(self._surroundings, ["cat-file", "--batch"])

    def _restart(self) -> None:
        """Begin again behind the damaged object that ended git."""
        self._git.__exit__(None, None, None)
        self._git = self._start()
        self._git.write(list(self._asked)[1:])

    def _send(self) -> None:
        if len(self._asked) < AHEAD // 2 and self._waiting:
            ids = [self._waiting.popleft() for _ in range(min(AHEAD - len(self._asked), len(self._waiting)))]
            self._asked.extend(ids)
            self._git.write(ids)

    def _answer(self) -> bytes | Unreadable:
        _, *kind = self._git.out.until(b"\n").split()
        if len(kind) != 2:
            return Unreadable("missing object")
        size = int(kind[1])
        if kind[0] == b"blob" and size <= self._max_file_bytes:
            return self._git.out.take(size + 1)[:-1]
        self._git.out.skip(size + 1)
        return Unreadable("too large" if kind[0] == b"blob" else "missing object")
