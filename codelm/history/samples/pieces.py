"""Samples and their pieces: runs of text and special tokens, each with a role."""

from dataclasses import dataclass
from enum import IntEnum

from codelm.special_tokens import FILE_SEPARATOR, HEADING_TOKENS, REPOSITORY_NAME

__all__ = ["Kind", "Piece", "Role", "Sample", "heading_pieces", "special_token", "text_pieces", "valid_utf8"]


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
    """A run of text with one role; if ``special``, the text is the name of a special token."""

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


def heading_pieces(
    repository_name: str, path: str, special: frozenset[str]
) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return the repository's part of a heading and the path's; nothing where the tokenizer lacks the tokens."""
    if not special >= HEADING_TOKENS:
        return (), ()
    name = text_pieces(valid_utf8(repository_name), Role.IGNORED)
    repository = (special_token(REPOSITORY_NAME), *name, special_token(FILE_SEPARATOR))
    return repository, text_pieces(valid_utf8(path) + "\n", Role.IGNORED)


def valid_utf8(name: str) -> str:
    """Replace the bytes of a file name that are not UTF-8, which Python holds as lone surrogates."""
    return name.encode("utf-8", "replace").decode()
