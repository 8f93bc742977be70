"""A lexer for Rust, which never needs the text to parse.

What it has to know: lifetimes against character literals (``'a, T`` against ``'x'``), raw strings with any number of
``#``, byte and C strings, block comments that nest. A string that never ends, as a completion cut off in the middle
leaves it, reaches to the end of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

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


def open_brackets(text: str) -> int:
    """Return how many brackets ``text`` leaves open.

    >>> open_brackets("mod tests {"), open_brackets("#[derive(")
    (1, 2)
    """
    return sum(step(token) for token in lex(text))
