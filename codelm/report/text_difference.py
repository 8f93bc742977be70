"""The differences between two pieces of code, word by word."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

__all__ = ["Piece", "difference"]

_WORD = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")
"""A word or a mark with the white space before it, which is shown but not compared."""


class Piece(NamedTuple):
    """A stretch of text, its kind "same", "extra" (only in the written text) or "missing" (only in the real text).

    ``instead_of`` is the real text in the place of an "extra" piece.
    """

    text: str
    kind: str
    instead_of: str = ""


def difference(real: str, written: str) -> Iterator[Piece]:
    """Return the pieces of the written text in order, and between them those of the real text that are missing.

    >>> [tuple(piece) for piece in difference("let a = one;", "let b = one")]
    [('let', 'same', ''), (' b', 'extra', ' a'), (' = one', 'same', ''), (';', 'missing', '')]
    """
    ours, theirs = _WORD.findall(written), _WORD.findall(real)
    matcher = SequenceMatcher(None, [word.strip() for word in theirs], [word.strip() for word in ours])
    for kind, start, stop, first, last in matcher.get_opcodes():
        wrote, has = "".join(ours[first:last]), "".join(theirs[start:stop])
        yield {
            "equal": Piece(wrote, "same"),
            "insert": Piece(wrote, "extra"),
            "replace": Piece(wrote, "extra", has),
            "delete": Piece(has, "missing"),
        }[kind]
