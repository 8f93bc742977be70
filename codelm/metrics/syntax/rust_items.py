"""Ends of items and statements in Rust text that need not parse."""

from collections.abc import Iterator
from itertools import pairwise

from codelm.metrics.syntax.rust_lexer import Token, depth_change, significant

__all__ = ["ends", "inner_end", "item_end"]

_CONTINUES = frozenset({";", ".", "?", "else"})
"""Tokens after a closing brace that continue the same item or statement."""


def item_end(text: str, start: int = 0) -> int | None:
    """Return the offset just after the first item or statement that is complete and ends after ``start``.

    ``text`` is prompt and completion, ``start`` the prompt's length: so an open ``#[derive(`` of the prompt counts.
    Where the enclosing scope closes first, the offset is before its bracket. None where neither ends.
    """
    return next((offset for offset, depth in ends(text) if depth <= 0 and offset > start), None)


def inner_end(text: str, start: int = 0) -> int | None:
    """Return the offset just after the last complete item or statement of the block that ``text`` leaves open."""
    return max((offset for offset, depth in ends(text) if depth == 1 and offset > start), default=None)


def ends(text: str) -> Iterator[tuple[int, int]]:
    """Yield the offset of each end of an item, statement or enclosing scope, and the depth of brackets there.

    An enclosing scope ends before its closing bracket, at a depth below 0.
    """
    tokens, depth = significant(text), 0
    for token, following in pairwise([*tokens, Token("space", "", len(text))]):
        depth += depth_change(token)
        if depth < 0:
            yield token.start, depth
        elif _ends_item(token, following.text):
            yield token.end, depth


def _ends_item(token: Token, following: str) -> bool:
    """Return whether a token ends the item or statement it belongs to; the bracket of an attribute ends none."""
    if token.kind != "bracket":
        return False
    return token.text == ";" or (token.text == "}" and following not in _CONTINUES)
