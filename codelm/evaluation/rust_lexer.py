"""Cut a Rust completion where a person would stop: at the end of the item or of the enclosing scope.

A small lexer is enough and never needs the text to parse. What it has to know: lifetimes against character literals
(``'a, T`` against ``'x'``), raw strings with any number of ``#``, byte and C strings, block comments that nest. A
string that never ends, as a completion cut off in the middle leaves it, reaches to the end of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

TOKEN = re.compile(
    r"""
    (?P<raw>(?:br|cr|r)(?P<fence>\#*)".*?(?:"(?P=fence)|\Z))
  | (?P<string>[bc]?"(?:[^"\\]|\\.)*(?:"|\\?\Z))
  | (?P<char>b?'(?:[^'\\\n]|\\(?:u\{[0-9a-fA-F_]*\}|x[0-9a-fA-F]{2}|.))')
  | (?P<lifetime>'[A-Za-z_]\w*)
  | (?P<line_comment>//[^\n]*)
  | (?P<block_comment>/\*)
  | (?P<word>(?:r\#)?[^\W\d]\w*)
  | (?P<number>\d\w*(?:\.\d\w*)?)
  | (?P<bracket>[{}()\[\];])
  | (?P<space>\s+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT_MARK = re.compile(r"/\*|\*/")
SILENT = frozenset({"space", "line_comment", "block_comment"})
CONTINUES = frozenset({";", ".", "?", "else"})
"""What follows a closing brace and still belongs to the same item or statement."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: its kind (a group of `TOKEN`), its text, and where it starts."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Just behind the token."""
        return self.start + len(self.text)


def lex(text: str) -> Iterator[Token]:
    """Yield tokens that together are all of ``text``, whatever it holds.

    >>> [token.text for token in lex("f(&'a x, 'x')") if token.kind in ("lifetime", "char")]
    ["'a", "'x'"]
    """
    at = 0
    while found := TOKEN.match(text, at):
        kind = "raw" if found["raw"] else str(found.lastgroup)
        end = block_comment_end(text, at) if kind == "block_comment" else found.end()
        yield Token(kind, text[at:end], at)
        at = end


def block_comment_end(text: str, start: int) -> int:
    """Return where the block comment that begins at ``start`` ends; Rust's nest."""
    depth = 0
    for mark in COMMENT_MARK.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def significant(text: str) -> list[Token]:
    """Return the tokens that are neither space nor comment."""
    return [token for token in lex(text) if token.kind not in SILENT]


def step(token: Token) -> int:
    """Return by how much a token changes the depth of brackets: 1, 0 or -1."""
    return {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(token.text, 0) if token.kind == "bracket" else 0


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


def open_brackets(text: str) -> int:
    """Return how many brackets ``text`` leaves open.

    >>> open_brackets("mod tests {"), open_brackets("#[derive(")
    (1, 2)
    """
    return sum(step(token) for token in lex(text))
