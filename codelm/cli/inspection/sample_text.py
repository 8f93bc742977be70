"""Training samples as text, with what is learned of them marked."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from codelm.report.printable_text import printable

__all__ = ["samples_text"]

_BRACKETS, _GREEN = ("⟦", "⟧"), ("\x1b[32m", "\x1b[0m")
_ENDS = 12
"""Lines that are shown of the beginning and of the end of a long run of text."""


def samples_text(shown: Sequence[Mapping[str, Any]], *, in_color: bool) -> str:
    """Return the samples that `inspect_repository` shows.

    Args:
        shown: The samples.
        in_color: Whether what is learned is green, as on a terminal, or stands in brackets.
    """
    marks = _GREEN if in_color else _BRACKETS
    how = "green" if in_color else "".join(marks)
    lines = [f"what is learned stands in {how}" if shown else "no training samples"]
    return "\n".join(
        ["", *lines, *(line for number, each in enumerate(shown, 1) for line in _sample(number, each, marks))]
    )


def _sample(number: int, sample: Mapping[str, Any], marks: tuple[str, str]) -> Iterator[str]:
    head = f"{sample['kind']}, {sample['tokens']:,} tokens, {sample['path']} at {sample['commit'][:10]}"
    yield f"\n--- {number}: {printable(head)}"
    runs = groupby(sample["runs"], lambda run: bool(run["role"] == "target"))
    yield "".join(_marked("".join(run["text"] for run in group), learned, marks) for learned, group in runs) + "\n"


def _marked(text: str, learned: bool, marks: tuple[str, str]) -> str:
    shown = _shortened(printable(text))
    return f"{marks[0]}{shown}{marks[1]}" if learned else shown


def _shortened(text: str) -> str:
    """Return a text without the middle of its lines, where it has many."""
    lines = text.split("\n")
    left_out = len(lines) - 2 * _ENDS
    if left_out < 2:
        return text
    return "\n".join([*lines[:_ENDS], f"    ... {left_out:,} lines ...", *lines[-_ENDS:]])
