"""The table in Markdown, with what it was measured on."""

from collections.abc import Sequence

from experiments.bench.machine import library_versions, processor
from experiments.torture.guards import GUARDS
from experiments.torture.rows import Row

__all__ = ["page"]

_INTRODUCTION = """\
# Reliability

What codelm does where it is killed, where files fail or are damaged, where numbers go wrong and where its input is odd
or hostile. `experiments.torture` tried it and wrote this page; nothing below was written by hand.

Each row names what was done and what has to come of it; how often that was tried, and how often it held. To show
that a row can fail at all, the guard that makes it hold was then taken out of codelm: the last columns name it and say
how often the same came out well without it. A row without a guard says why in its remark. Counts are those of the
command that stands above each table: the full form, without `--share`, tries most.

{about}

"""
_HEADINGS = ("what was done, and has to come of it", "tried", "held", "remark", "without", "tried", "held")


def page(rows: Sequence[Row], parts: Sequence[str]) -> str:
    """Return the page.

    Args:
        rows: The rows.
        parts: All parts there are; those without rows are named.
    """
    text = _INTRODUCTION.format(about="; ".join([processor(), ", ".join(library_versions())]) + ".")
    measured = [name for name in parts if any(row.part == name for row in rows)]
    text += "".join(_part(name, [row for row in rows if row.part == name]) for name in measured)
    text += _mutations(rows)
    left = [name for name in parts if name not in measured]
    return text + (f"Not tried: {', '.join(left)}.\n" if left else "")


def _part(name: str, rows: Sequence[Row]) -> str:
    commands = "".join(f"{each}\n\n" for each in dict.fromkeys(row.measured for row in rows))
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_cells, rows)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    failures = "".join(f"* {row.what}: {_one_line(each)}\n" for row in rows for each in row.failures[:3])
    broken = f"What did not hold, three of each:\n\n{failures}\n" if failures else ""
    return f"## {name.capitalize()}\n\n{commands}{table}\n{broken}"


def _mutations(rows: Sequence[Row]) -> str:
    """Return the section of the guards that were taken out; nothing where none was."""
    lines = [("guard", "what was replaced", "rows", "of them failed without it"), ("---",) * 4]
    for name, places in GUARDS.items():
        without = [row for row in rows if row.guard == name]
        if without:
            failed = sum(row.held_without < row.tried_without for row in without)
            replaced = ", ".join(f"`{place}`" for place, _ in ([places] if isinstance(places, tuple) else places))
            lines.append((name, replaced, str(len(without)), str(failed)))
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    introduction = "What `experiments/torture/guards.py` put out of effect, one at a time, to see the rows above fail."
    return f"## Guards taken out\n\n{introduction}\n\n{table}\n" if len(lines) > 2 else ""


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
