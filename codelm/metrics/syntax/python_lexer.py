"""A lexer for Python that accepts any text: unfinished strings and wrong indentation are no errors.

It tells names from strings and comments. The expressions inside f-strings are part of the string.
"""

import re
from collections.abc import Iterator

from codelm.metrics.syntax.rust_lexer import Token

__all__ = ["lex"]

_TOKEN = re.compile(
    r"""
    (?P<long_string>(?:[rR][bBfFtT]?|[bBfFtT][rR]?|[uU])?(?P<fence>\"{3}|'{3})(?:[^\\]|\\.)*?(?:(?P=fence)|\\?\Z))
  | (?P<string>(?:[rR][bBfFtT]?|[bBfFtT][rR]?|[uU])?(?:"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\\?\Z)
        |'(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\\?\Z)))
  | (?P<comment>\#[^\n]*)
  | (?P<word>[^\W\d]\w*)
  | (?P<number>\.?\d(?:[eE][+-]|[\w.])*)
  | (?P<bracket>[{}()\[\]])
  | (?P<space>\s+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def lex(text: str) -> Iterator[Token]:
    """Yield tokens that joined are ``text``, whatever it holds."""
    for found in _TOKEN.finditer(text):
        kind = "long_string" if found["long_string"] is not None else str(found.lastgroup)
        yield Token(kind, found[0], found.start())
