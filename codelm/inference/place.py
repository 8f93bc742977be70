"""A place in a file at which code is wanted."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codelm.errors import InputError
from codelm.lines import line_end, lines_of, with_line_feeds
from codelm.metrics.infill_tasks import TOKEN_CHARACTERS

__all__ = ["Place", "as_learned", "code_of_file", "place_in_file", "with_line_cut"]

_MOST_BYTES = 16 * 2**20
"""The largest file that is read: nobody wants code in the middle of more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file.

    Attributes:
        path: The file's path in its repository.
        before: The text before it.
        after: The text behind it; None where code is to go on without an end.
        repository: The repository's name; None for that of the run.
    """

    path: str
    before: str
    after: str | None = None
    repository: str | None = None

    @property
    def line_end(self) -> str:
        """The end that lines have there, LF or CRLF; an answer, whose lines end with LF, is to have it too."""
        return line_end(self.before + (self.after or ""))


def place_in_file(file: Path, at: str | None, path: str | None = None) -> Place:
    """Return a place in a file.

    Args:
        file: The file.
        at: Line and column, from 1, as in ``12:9``; None for the file's end.
        path: The path that the model is told; None for that in the file's git repository.

    Raises:
        InputError: The file cannot be read, or has no such place.
    """
    known_path, text = code_of_file(file)
    place = len(text) if at is None else _offset(text, at, file)
    after = None if at is None else text[place:]
    return Place(path or known_path, text[:place], after)


def code_of_file(file: Path) -> tuple[str, str]:
    """Return the path of a file in the git repository that holds it, or else its name, and its text.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with file.open("rb") as opened:  # no more of it, as devices and pipes have no size and need not end
            content = opened.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InputError(f"{file} has more than {_MOST_BYTES // 2**20} MB; give a smaller file")
        return _path_in_repository(file), content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text in UTF-8; give a source file") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; give a source file") from error


def as_learned(place: Place) -> Place:
    """Return a place in text whose lines end with LF, as all text that was learned."""
    after = None if place.after is None else with_line_feeds(place.after)
    return replace(place, before=with_line_feeds(place.before), after=after)


def with_line_cut(place: Place, count: Callable[[Sequence[str]], list[int]], max_tokens: int) -> Place:
    """Return a place whose own line is cut to what is nearest, where a prompt of whole lines has no room for it.

    Two thirds of ``max_tokens`` are for the line before the place, as in
    `codelm.metrics.infill_tasks.visible_context`, and a third for its rest.
    """
    line = place.before.rpartition("\n")[2]
    kept = _fitting(line, count, max_tokens * 2 // 3, at_end=True)
    before = place.before if kept == line else kept
    if place.after is None:
        return replace(place, before=before)
    rest = place.after.partition("\n")[0]
    kept = _fitting(rest, count, max_tokens // 3, at_end=False)
    return replace(place, before=before, after=place.after if kept == rest else kept)


def _fitting(text: str, count: Callable[[Sequence[str]], list[int]], max_tokens: int, *, at_end: bool) -> str:
    """Return the beginning of a text, or its end, that has at most so many tokens, or one character."""
    length = min(len(text), TOKEN_CHARACTERS * max(1, max_tokens))
    while True:
        kept = text[len(text) - length :] if at_end else text[:length]
        if length <= 1 or count([kept])[0] <= max_tokens:
            return kept
        length = length * 3 // 4


def _offset(text: str, at: str, file: Path) -> int:
    """Return the number of characters before a line and column, both from 1; a line ends before its line break."""
    found = re.fullmatch(r"([1-9]\d{0,8}):([1-9]\d{0,8})", at)
    if found is None:
        raise InputError(f"--at {at}: give LINE:COLUMN, both counted from 1, such as 12:9")
    line, column = int(found[1]), int(found[2])
    lines = [*lines_of(text), *([""] if not text or text.endswith("\n") else [])]
    if line > len(lines):
        raise InputError(f"--at {at}: {file} has {len(lines)} lines; give one of them")
    length = len(lines[line - 1].rstrip("\r\n"))
    if column > length + 1:
        raise InputError(f"--at {at}: line {line} of {file} ends at column {length + 1}; give that or less")
    return sum(map(len, lines[: line - 1])) + column - 1


def _path_in_repository(file: Path) -> str:
    """Return the path of a file in the git repository that holds it; its name where none does."""
    whole = file.absolute()
    root = next((folder for folder in whole.parents if (folder / ".git").exists()), whole.parent)
    return whole.relative_to(root).as_posix()
