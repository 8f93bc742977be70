"""Texts that would act on a terminal or in Markdown, and how codelm shows them."""

import re
from collections.abc import Iterator

from codelm.report.printable_text import printable, table

__all__ = ["acts_on_terminal", "shown"]

_TEXTS = (
    "\x1b[2J\x1b]0;title\x07red",
    "\x9b31mred",
    "a\u202egnp.exe",
    "\rover",
    "<script>alert(1)</script>",
    "[a](javascript:b)",
    "![a](http://b)",
    "a | b\n| --- |",
    "`code`",
    "&lt;",
    "\ud800",
)


def shown() -> Iterator[tuple[str, bool]]:
    """Yield what comes of showing texts on a terminal and in TensorBoard's Markdown."""
    for text in _TEXTS:
        on_terminal, in_cell = printable(text), table(["text"], [[text]]).split("\n")[2]
        inner = in_cell.removeprefix("| <code>").removesuffix("</code> |").replace("<br>", "")
        wrong = acts_on_terminal(on_terminal) or _acts_in_markdown(inner)
        control = acts_on_terminal(text) or _acts_in_markdown(text)
        yield f"{text!r} is shown as {on_terminal!r} and {in_cell!r}" if wrong else "", control


def acts_on_terminal(text: str) -> bool:
    """Return whether a text has characters that are not shown, beside line breaks."""
    return any(not char.isprintable() and char != "\n" for char in text)


def _acts_in_markdown(text: str) -> bool:
    return bool(re.search(r"[<>\[\]`|*_!\\]|&[a-z]+;", text.replace("&nbsp;", "")))
