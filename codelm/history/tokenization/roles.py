"""The role of each token of a text that consists of pieces with roles."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from codelm.history.samples.pieces import Piece

if TYPE_CHECKING:
    from tokenizers import Encoding

__all__ = ["token_roles"]


def token_roles(run: Sequence[Piece], encoding: "Encoding") -> bytearray:
    """Return the role of each token, ``[T]``; one across two pieces takes the higher, so that no target is lost."""
    roles = bytearray([run[0].role]) * len(encoding)
    length, start = sum(len(piece.text) for piece in run), 0
    for before, after in pairwise(run):
        start += len(before.text)
        token = _first_token(start, length, encoding)
        shared = roles[token] if _starts_before(start, token, encoding) else 0
        roles[token:] = bytes([after.role]) * (len(roles) - token)
        roles[token : token + 1] = bytes([max(shared, after.role)]) * (token < len(roles))
    return roles


def _first_token(start: int, length: int, encoding: "Encoding") -> int:
    """Return the first token at or after a character; a normaliser may have left characters without a token."""
    tokens = (encoding.char_to_token(character) for character in range(start, length))
    return next((token for token in tokens if token is not None), len(encoding))


def _starts_before(start: int, token: int, encoding: "Encoding") -> bool:
    """Return whether a token starts before a character, such as one of a line end and the indentation after it."""
    characters = encoding.token_to_chars(token) if token < len(encoding) else None
    return characters is not None and characters[0] < start
