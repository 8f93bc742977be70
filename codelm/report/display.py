"""Generated text, made safe to look at: in a Markdown table, and on a terminal.

A model may write anything: backticks, pipes, HTML, escape sequences that repaint a terminal, marks that reverse the
direction of writing. Nothing of that may act where the text is shown.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that show nothing and may act: controls, formats, surrogates, private, unknown, separators."""

STRAY = re.compile("[\udc80-\udcff]")
"""What Python makes of bytes that are no UTF-8."""


def printable(text: str) -> str:
    r"""Return the text without what shows nothing and may act; line breaks stay, tabs become spaces.

    A byte of a file's name that is no UTF-8 is shown as its number.

    >>> printable("a\x1b[31mb\r\n\tc\u202e"), printable("caf\udce9.rs")
    ('a[31mb\n    c', 'caf\\xe9.rs')
    """
    named = STRAY.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text.expandtabs(4))
    return "".join(char for char in named if char == "\n" or unicodedata.category(char) not in HIDDEN)


def cell(text: str) -> str:
    """Return the text as code for one cell of a Markdown table, every mark of Markdown or HTML in it disarmed.

    >>> cell("a | `b`")
    '<code>a&nbsp;&#124;&nbsp;&#96;b&#96;</code>'
    """
    return f"<code>{''.join(map(disarm, printable(text)))}</code>"


def disarm(char: str) -> str:
    """Return a character as HTML that Markdown leaves alone."""
    if char == "\n":
        return "<br>"
    if char == " ":
        return "&nbsp;"
    return char if char.isalnum() else f"&#{ord(char)};"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of code."""
    ruled = [" | ".join(heads), " | ".join("---" for _ in heads)]
    return "\n".join(f"| {line} |" for line in [*ruled, *(" | ".join(map(cell, row)) for row in rows)])


def side_by_side(heads: tuple[str, str], texts: tuple[str, str], width: int) -> list[str]:
    r"""Return lines that show two texts beside each other, each in a column of ``width`` characters, cut where longer.

    >>> for line in side_by_side(("base", "tuned"), ("fn a() {", "fn b() {\n}"), 8):
    ...     print(line.rstrip())
    base     | tuned
    -------- | --------
    fn a() { | fn b() {
             | }
    """
    left, right = (printable(text).rstrip().split("\n") for text in texts)
    lines = [heads, ("-" * width, "-" * width), *zip_longest(left, right, fillvalue="")]
    return [" | ".join(clip(part, width) for part in line) for line in lines]


def clip(text: str, width: int) -> str:
    """Return the text in exactly ``width`` characters.

    >>> clip("abcdef", 4), clip("ab", 4)
    ('abc…', 'ab  ')
    """
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
