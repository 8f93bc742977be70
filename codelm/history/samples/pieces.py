"""Samples and their pieces: runs of text and special tokens, each with a role."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import NamedTuple

from codelm.special_tokens import PromptFormat, Slot

__all__ = [
    "Kind",
    "Piece",
    "Role",
    "Run",
    "Sample",
    "heading_pieces",
    "infill_pieces",
    "path_pieces",
    "special_token",
    "special_tokens",
    "text_pieces",
    "token_runs",
    "valid_utf8",
]


class Role(IntEnum):
    """What a token is there for; a token that belongs to two pieces has the higher role of the two."""

    IGNORED = 0
    """Never learned: names and special tokens, which no author wrote."""
    CONTEXT = 1
    """Unchanged text, learned a little or not at all, as the settings say."""
    TARGET = 2
    """What the author wrote."""


class Kind(IntEnum):
    """The shape of a sample."""

    FILE = 0
    CHANGE = 1
    """The window of a change, left to right."""
    FIM = 2
    """A hunk to be filled in between the text before and after it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text with one role.

    Attributes:
        text: The text.
        role: What it is there for.
        special: Whether the text is the name of a special token.
    """

    text: str
    role: Role
    special: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """The pieces that the model reads as one document."""

    pieces: tuple[Piece, ...]
    kind: Kind


def special_token(name: str, role: Role = Role.IGNORED) -> Piece:
    """Return the piece of a special token."""
    return Piece(name, role, special=True)


def text_pieces(content: str, role: Role) -> tuple[Piece, ...]:
    """Return a piece of ordinary text, or nothing if it is empty."""
    return (Piece(content, role),) if content else ()


def special_tokens(*names: str | None, role: Role = Role.IGNORED) -> tuple[Piece, ...]:
    """Return the pieces of the special tokens that a format has."""
    return tuple(special_token(name, role) for name in names if name is not None)


def heading_pieces(repository_name: str, prompt_format: PromptFormat) -> tuple[Piece, ...]:
    """Return what stands before the path of a file; nothing where the format has no heading."""
    name = valid_utf8(repository_name)
    return _filled(
        prompt_format.heading,
        {
            Slot.REPOSITORY: text_pieces(name, Role.IGNORED),
            Slot.REPOSITORY_LINE: text_pieces(name + "\n", Role.IGNORED),
        },
    )


def path_pieces(path: str) -> tuple[Piece, ...]:
    """Return the path of a file, on a line of its own."""
    return text_pieces(valid_utf8(path) + "\n", Role.IGNORED)


def infill_pieces(
    path: tuple[Piece, ...], before: tuple[Piece, ...], after: tuple[Piece, ...], prompt_format: PromptFormat
) -> tuple[Piece, ...]:
    """Return what asks for the text between ``before`` and ``after``.

    Args:
        path: The path of the file, or nothing; shown where the format has a place for it.
        before: The text before what is asked for.
        after: The text behind it.
        prompt_format: A format with ``infill``.
    """
    return _filled(prompt_format.infill, {Slot.PATH_LINE: path, Slot.BEFORE: before, Slot.AFTER: after})


def _filled(parts: tuple[str, ...], texts: Mapping[Slot, tuple[Piece, ...]]) -> tuple[Piece, ...]:
    """Return the pieces of a part of a format, its slots filled."""
    filled = (texts[part] if isinstance(part, Slot) else special_tokens(part) for part in parts)
    return tuple(chain.from_iterable(filled))


class Run(NamedTuple):
    """Pieces that are tokenised together: one special token, or text; and the last piece before them, if any."""

    pieces: Sequence[Piece]
    follows: Piece | None


def token_runs(pieces: Iterable[Piece]) -> Iterator[Run]:
    """Yield what is tokenised together: each special token alone, and all text between two of them."""
    run: list[Piece] = []
    follows = None
    for piece in pieces:
        if run and (piece.special or run[-1].special):
            yield Run(run, follows)
            run, follows = [], run[-1]
        run.append(piece)
    if run:
        yield Run(run, follows)


def valid_utf8(name: str) -> str:
    """Replace the bytes of a file name that are not UTF-8, which Python holds as lone surrogates."""
    return name.encode("utf-8", "replace").decode()
