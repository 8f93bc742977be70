"""Escaping of generated text for Markdown tables and terminals.

A model may write anything: backticks, pipes, HTML, escape sequences that repaint a terminal, characters that reverse
the direction of writing. None of these may take effect where the text is shown.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest

__all__ = ["brief", "cell", "printable", "side_by_side", "table"]

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories without a glyph: controls, formats, surrogates, private use, unassigned, separators."""

_STRAY = re.compile("[\udc80-\udcff]")
"""Surrogates that stand for bytes that are not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    r"""Return the text without characters that have no glyph; line breaks stay, tabs become spaces.

    A byte of a file's name that is not UTF-8 is shown as its hexadecimal number.

    >>> printable("a\x1b[31mb\r\n\tc\u202e"), printable("caf\udce9.rs")
    ('a[31mb\n    c', 'caf\\xe9.rs')
    """
    named = _STRAY.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text.expandtabs(4))
    return "".join(char for char in named if char == "\n" or unicodedata.category(char) not in _HIDDEN)


def cell(text: str) -> str:
    """Return the text as code for one cell of a Markdown table, with all marks of Markdown and HTML escaped.

    >>> cell("a | `b`")
    '<code>a&nbsp;&#124;&nbsp;&#96;b&#96;</code>'
    """
    return f"<code>{''.join(map(_escape, printable(text)))}</code>"


def _escape(char: str) -> str:
    """Return a character as HTML that Markdown does not change."""
    if char == "\n":
        return "<br>"
    if char == " ":
        return "&nbsp;"
    return char if char.isalnum() else f"&#{ord(char)};"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose cells are code."""
    cells = [heads, ["---"] * len(heads), *(map(cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def side_by_side(heads: tuple[str, str], texts: tuple[str, str], width: int) -> list[str]:
    """Return the lines of two texts beside each other, each in a column of ``width`` characters, cut where longer."""
    left, right = (printable(text).rstrip().split("\n") for text in texts)
    lines = [heads, ("-" * width, "-" * width), *zip_longest(left, right, fillvalue="")]
    return [" | ".join(brief(part, width).ljust(width) for part in line) for line in lines]


def brief(text: str, most: int) -> str:
    """Return the text in at most so many characters.

    >>> brief("abcdef", 4), brief("abc", 4)
    ('abc…', 'abc')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"
