"""Lines of a file that hold code beyond comments, docstrings, imports and attributes."""

import re

from codelm.lines import lines_of
from codelm.metrics.syntax.identifiers import COMMENTS, LEXERS, blank
from codelm.metrics.syntax.rust_lexer import Token

__all__ = ["code_lines"]

_PREAMBLES = {
    "rust": re.compile(
        r"""
        ^[ \t]*(?:
            (?:pub(?:\([^)\n]*\))?\s+)? (?:use|extern\s+crate)\b [^;]* ;
          | \#!?\[ (?:[^\[\]]|\[[^\[\]]*\])* \]
        )""",
        re.VERBOSE | re.MULTILINE,
    ),
    "python": re.compile(
        r"""
        ^[ \t]*(?:import\b|from\b[^\n]*\bimport\b)
        (?: [^\n(]*\([^)]*\) | (?:[^\n\\]|\\.)* )""",
        re.VERBOSE | re.MULTILINE | re.DOTALL,
    ),
}
"""Imports, and in Rust attributes, by language."""


def code_lines(language: str, text: str) -> list[str]:
    """Return the lines of a text, comments, docstrings, imports and attributes blanked; unchanged without a lexer."""
    if language not in LEXERS:
        return lines_of(text)
    tokens = LEXERS[language](text)
    code = "".join(blank(token.text) if _is_documentation(token, text) else token.text for token in tokens)
    return lines_of(_PREAMBLES[language].sub(lambda found: blank(found[0]), code))


def _is_documentation(token: Token, text: str) -> bool:
    """Return whether a token of ``text`` is a comment or a long string that begins its line, as docstrings do."""
    if token.kind == "long_string":
        return text[text.rfind("\n", 0, token.start) + 1 : token.start].strip() == ""
    return token.kind in COMMENTS
