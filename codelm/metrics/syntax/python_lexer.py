"""Cut Python into tokens, whatever it holds: unfinished strings and wrong indentation are no errors here.

Enough to tell names from what stands in strings and comments. The expressions inside f-strings are part of the string.
"""

import re
from collections.abc import Iterator

from codelm.metrics.syntax.rust_lexer import Token

TOKEN = re.compile(
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
    r"""Yield tokens that together are all of ``text``, whatever it holds.

    >>> [token.text for token in lex("name = b'# no' # yes") if token.kind in ("word", "comment")]
    ['name', '# yes']
    """
    for found in TOKEN.finditer(text):
        yield Token(
            "long_string" if found["long_string"] is not None else str(found.lastgroup), found[0], found.start()
        )
