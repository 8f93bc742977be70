"""Infill tasks and prompts, with what base and tuned wrote beside each other."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from codelm.metrics.number_format import decimals
from codelm.report.markup import element, escaped, join
from codelm.report.printable_text import brief, printable
from codelm.report.text_difference import Piece, difference

__all__ = ["continuations", "infill_texts", "shorten"]

_LINES, _WIDTH = 40, 240
"""How much of a text is shown at most, in lines and in characters of a line."""
_BREAK = re.compile(r"(\A\s+|\s*\n\s*|\s+\Z)")


class _Column(NamedTuple):
    """One of several texts beside each other: its name, a note on it, and its code, plain or marked."""

    name: str
    note: str
    code: str


def infill_texts(task: Mapping[str, Any]) -> tuple[str, str, list[_Column]]:
    """Return the lines before and after the span of an infill task, and the three texts for it."""
    before, real, base, tuned, after = _outdented([task[key] for key in ("before", "real", "base", "tuned", "after")])
    base_column = _Column("base", _alike(task["similarity_base"]), _compared(real, base))
    tuned_column = _Column("tuned", _alike(task["similarity_tuned"]), _compared(real, tuned))
    return before, after, [_Column("real", "", real), base_column, tuned_column]


def _alike(similarity: float | None) -> str:
    """Return the similarity to the real text in words."""
    return "" if similarity is None else f"{decimals(similarity, 0)} of 100 alike"


def _compared(real: str, written: str) -> Markup:
    """Return the written text with its differences from the real one marked."""
    if not written.strip():
        return element("em", "nothing")
    marked = {"same": lambda piece: escaped(piece.text), "extra": _extra, "missing": _missing}
    return join(*(marked[piece.kind](piece) for piece in difference(real, written)))


def _extra(piece: Piece) -> Markup:
    """Return what is only in the written text, marked except for white space at the ends of its lines."""
    title = f"instead of: {brief(piece.instead_of.strip(), _WIDTH)}" if piece.instead_of.strip() else None
    parts = _BREAK.split(piece.text)
    return join(*(element("mark", part, title=title) if part.strip() else part for part in parts))


def _missing(piece: Piece) -> Markup:
    """Return the sign that something of the real text is missing."""
    lost = piece.text.strip()
    return (
        element("span", "\N{CARET}", title=f"missing: {brief(lost, _WIDTH)}", class_="missing") if lost else Markup("")
    )


def _outdented(texts: Sequence[str]) -> list[str]:
    """Return the texts without the indentation that all their lines share, cut where too long to show."""
    shown = [shorten(text).rstrip() for text in texts]
    lines = [line for text in shown for line in text.split("\n") if line.strip()]
    depth = min((len(line) - len(line.lstrip(" ")) for line in lines), default=0)
    return ["\n".join(line[depth:] for line in text.split("\n")) for text in shown]


def shorten(text: str) -> str:
    """Return the text without characters that show nothing, at most `_LINES` lines of `_WIDTH` characters."""
    lines = [brief(line, _WIDTH) for line in printable(text).split("\n")]
    return "\n".join(lines if len(lines) <= _LINES else [*lines[:_LINES], f"… {len(lines) - _LINES} more lines"])


def continuations(prompt: Mapping[str, Any]) -> list[_Column]:
    """Return what base and tuned wrote after a prompt."""
    epoch = f"epoch {prompt['epoch']}" if "epoch" in prompt else ""
    return [_Column("base", "", shorten(prompt["base"])), _Column("tuned", epoch, shorten(prompt["tuned"]))]
