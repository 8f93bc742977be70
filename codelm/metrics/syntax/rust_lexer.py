"""A lexer for Rust that accepts any text.

It tells lifetimes from character literals (``'a, T`` and ``'x'``) and handles raw strings with any number of ``#``,
byte and C strings, and nested block comments. An unterminated string, as in a completion that was cut off, reaches to
the end of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Token", "depth_change", "lex", "open_brackets", "preamble_end", "significant"]

_TOKEN = re.compile(
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
_COMMENT_MARK = re.compile(r"/\*|\*/")
_PREAMBLE = re.compile(
    r"""
    (?:\#!(?!\s*\[)[^\n]*(?:\n|\Z))?
    (?:(?:[^\S\n]*\n)*(?P<dashes>-{3,})(?!-)[^\n]*\n(?:(?!(?P=dashes))[^\n]*\n)*(?P=dashes)[^\S\n]*(?:\n|\Z))?
    """,
    re.VERBOSE,
)
"""A shebang line, and the package's settings that a script may have behind it between dashes."""
_INSIGNIFICANT = frozenset({"space", "line_comment", "block_comment"})


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind (a group of a lexer's ``TOKEN``), its text, and its offset in the whole text."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset just after the token."""
        return self.start + len(self.text)


def lex(text: str) -> Iterator[Token]:
    """Yield tokens that joined are ``text``, whatever it holds."""
    start = preamble_end(text)
    if start:
        yield Token("line_comment", text[:start], 0)
    while found := _TOKEN.match(text, start):
        kind = "raw" if found["raw"] else str(found.lastgroup)
        end = _block_comment_end(text, start) if kind == "block_comment" else found.end()
        yield Token(kind, text[start:end], start)
        start = end


def preamble_end(text: str) -> int:
    """Return the end of what may stand before the first token of a file: a shebang line and a script's settings."""
    found = _PREAMBLE.match(text)
    return found.end() if found else 0


def _block_comment_end(text: str, start: int) -> int:
    """Return the end of the block comment that begins at ``start``; comments may nest."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def significant(text: str) -> list[Token]:
    """Return the tokens that are neither white space nor comments."""
    return [token for token in lex(text) if token.kind not in _INSIGNIFICANT]


def depth_change(token: Token) -> int:
    """Return by how much a token changes the depth of brackets: 1, 0 or -1."""
    return {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(token.text, 0) if token.kind == "bracket" else 0


def open_brackets(text: str) -> int:
    """Return the number of brackets that ``text`` leaves open."""
    return sum(depth_change(token) for token in lex(text))
