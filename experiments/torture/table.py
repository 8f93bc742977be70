"""The table in Markdown, with what it was measured on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from experiments.bench.machine import commit_of, library_versions, processor
from experiments.torture.rows import Row

__all__ = ["page"]

_INTRODUCTION = """\
# Reliability

What codelm does where it is killed, where files fail or are damaged, where numbers go wrong and where its input is odd
or hostile. A program tried it and wrote this page; nothing below was written by hand:

```
{command}
```

Each row names what was done and what has to come of it; how often that was tried, and how often it held. To show
that a row can fail at all, the guard that makes it hold was then taken out of codelm: the last columns name it and say
how often the same came out well without it. A row without a guard says why in its remark. Counts are those of this
run: the full form tries more than `--short` or `--share`.

{about}

"""
_HEADINGS = ("what was done, and has to come of it", "tried", "held", "remark", "without", "tried", "held")


def page(command: str, rows: Sequence[Row], parts: Sequence[str], folder: Path) -> str:
    """Return the page.

    Args:
        command: The command that measured the rows.
        rows: The rows.
        parts: All parts there are; those without rows are named.
        folder: The folder of the build that was measured.
    """
    about = "; ".join(
        [processor(), ", ".join(library_versions()), f"codelm {commit_of(folder)}", f"{datetime.now(UTC):%Y-%m-%d}"]
    )
    text = _INTRODUCTION.format(command=command, about=f"{about}.")
    measured = [name for name in parts if any(row.part == name for row in rows)]
    text += "".join(_part(name, [row for row in rows if row.part == name]) for name in measured)
    left = [name for name in parts if name not in measured]
    return text + (f"Not tried in this run: {', '.join(left)}.\n" if left else "")


def _part(name: str, rows: Sequence[Row]) -> str:
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_cells, rows)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    failures = "".join(f"* {row.what}: {_one_line(each)}\n" for row in rows for each in row.failures[:3])
    broken = f"What did not hold, three of each:\n\n{failures}\n" if failures else ""
    return f"## {name.capitalize()}\n\n{table}\n{broken}"


def _cells(row: Row) -> tuple[str, ...]:
    without = (row.guard, f"{row.tried_without:,}", f"{row.held_without:,}") if row.guard else ("", "", "")
    held = f"{row.held:,}" if row.held == row.tried else f"**{row.held:,}**"
    return tuple(map(_one_line, (row.what, f"{row.tried:,}", held, row.remark, *without)))


def _one_line(text: str) -> str:
    r"""Return a text as it can stand in a cell or a list.

    >>> _one_line("a | b\nc")
    'a \\| b c'
    """
    return " ".join(text.replace("|", r"\|").replace("<", "&lt;").split())
