"""Tables and pictures for the templates."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Picture", "Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column holds names and whose others hold numbers."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its drawings for both widths of the page, how to read them, and the same in numbers."""

    drawings: Markup
    caption: str
    numbers: Table
