"""What two pieces of code have in common, word for word, and what only one of them says."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

WORD = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")
"""A word or a mark with the blanks before it; blanks are shown, and not compared."""


class Piece(NamedTuple):
    """A stretch of text.

    Attributes:
        text: what it says.
        kind: "same", "extra" (only in what was written) or "missing" (only in the real text).
        instead_of: what the real text has in the place of something extra.
    """

    text: str
    kind: str
    instead_of: str = ""


def difference(real: str, written: str) -> Iterator[Piece]:
    """Return the pieces of the written text in order, and where pieces of the real one are missing.

    >>> [tuple(piece) for piece in difference("let a = one;", "let b = one")]
    [('let', 'same', ''), (' b', 'extra', ' a'), (' = one', 'same', ''), (';', 'missing', '')]
    """
    ours, theirs = WORD.findall(written), WORD.findall(real)
    matcher = SequenceMatcher(None, [word.strip() for word in theirs], [word.strip() for word in ours])
    for kind, start, stop, first, last in matcher.get_opcodes():
        wrote, has = "".join(ours[first:last]), "".join(theirs[start:stop])
        yield {
            "equal": Piece(wrote, "same"),
            "insert": Piece(wrote, "extra"),
            "replace": Piece(wrote, "extra", has),
            "delete": Piece(has, "missing"),
        }[kind]
