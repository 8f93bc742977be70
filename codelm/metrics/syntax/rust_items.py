"""Where items and statements of Rust end, for text that need not parse: there a person would stop."""

from collections.abc import Iterator
from itertools import pairwise

from codelm.metrics.syntax.rust_lexer import Token, significant, step

CONTINUES = frozenset({";", ".", "?", "else"})
"""What follows a closing brace and still belongs to the same item or statement."""


def item_end(text: str, start: int = 0) -> int | None:
    """Return the place just behind the first item or statement that is complete and ends after ``start``.

    ``text`` is prompt and completion, ``start`` the prompt's length: so an open ``#[derive(`` of the prompt counts.
    Where the scope around closes first, the place is before the bracket that closes it. None: the text ends before.
    """
    return next((place for place, level in ends(text) if level <= 0 and place > start), None)


def inner_end(text: str, start: int = 0) -> int | None:
    """Return the place just behind the last whole item or statement of the block that ``text`` leaves open.

    >>> text = "impl A { fn b() {} fn c() { d"
    >>> text[: inner_end(text)]
    'impl A { fn b() {}'
    """
    return max((place for place, level in ends(text) if level == 1 and place > start), default=None)


def ends(text: str) -> Iterator[tuple[int, int]]:
    """Yield where something ends, and how many brackets are open there; a scope ends before its bracket, at -1."""
    tokens, level = significant(text), 0
    for token, following in pairwise([*tokens, Token("space", "", len(text))]):
        level += step(token)
        if level < 0:
            yield token.start, level
        elif ends_item(token, following.text):
            yield token.end, level


def ends_item(token: Token, following: str) -> bool:
    """Return whether a token at its item's own depth is the last of it; an attribute's bracket ends nothing.

    >>> ends_item(Token("bracket", "}", 0), "else")
    False
    """
    if token.kind != "bracket":
        return False
    return token.text == ";" or (token.text == "}" and following not in CONTINUES)
