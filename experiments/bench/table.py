"""The results in Markdown: machine and versions, then a line for each quantity, row and contender."""

from collections.abc import Sequence
from statistics import median

from experiments.bench.rounds import Measured
from experiments.bench.rows import BEFORE, THIS, Better, Quantity, Row
from experiments.bench.tasks import Outcome

__all__ = ["INTRODUCTION", "largest_difference", "median_with_range", "page", "ratio", "row_list", "table"]

INTRODUCTION = """\
# Benchmarks

`.venv/bin/python -m experiments.bench REPOSITORY DEMO --before FOLDER --table docs/benchmarks.md` measured this build
beside an older one and beside peers, all in one run on one machine, each time in a new process. Figures are
medians over the rounds, in which the contenders took turns, with the least and the most in brackets. The last column
says how many times as fast this build is as the other, or how many times as much memory the other needs; below 1 this
build is the worse one. Peak memory is that of the process with all libraries. Trainers of others get the same tokens,
each row as one text, so that their losses are not ours; what TRL called `chunked_nll` is its `nll` since 1.16.

"""

_Line = tuple[str, str, str, str, str, str]
"""The cells of a line of the table."""

_HEADINGS = ("row", "measured", THIS, "beside", "there", "times as good")


def page(header: str, measured: Sequence[Measured]) -> str:
    """Return the whole text: what it is, the machine in ``header``, what the rows are, and the table."""
    return f"{INTRODUCTION}{header}\n\n{row_list([each.row for each in measured])}\n{table(measured)}"


def row_list(rows: Sequence[Row]) -> str:
    """Return the list of the rows with what is done in each."""
    return "".join(f"* {row.name}: {row.work}\n" for row in rows)


def table(measured: Sequence[Measured]) -> str:
    """Return the table of all rows."""
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *(line for each in measured for line in _lines(each))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _lines(measured: Measured) -> list[_Line]:
    """Return the lines of a row: each of its quantities beside each other contender."""
    name = measured.row.name
    if THIS in measured.absences:
        return [(name, "", _cell(measured.absences[THIS]), "", "", "")]
    lines: list[_Line] = []
    for other in [each for each in measured.outcomes if each != THIS]:
        if other in measured.absences:
            lines.append((name, "", "", other, _cell(measured.absences[other]), ""))
    for quantity in measured.row.quantities:
        lines += _lines_of_quantity(measured, quantity)
    return [*lines, *_loss_line(measured)]


def _lines_of_quantity(measured: Measured, quantity: Quantity) -> list[_Line]:
    """Return the lines of one quantity: one beside each other contender that has it, or one alone, or none."""
    ours = _values(measured.outcomes[THIS], quantity)
    start = (measured.row.name, quantity.heading, median_with_range(ours, quantity.places))
    theirs = {
        name: _values(outcomes, quantity)
        for name, outcomes in measured.outcomes.items()
        if name not in (THIS, *measured.absences)
    }
    lines = [
        (*start, name, median_with_range(values, quantity.places), ratio(ours, values, quantity.better))
        for name, values in theirs.items()
        if values
    ]
    return lines or ([(*start, "", "", "")] if ours else [])


def _values(outcomes: Sequence[Outcome], quantity: Quantity) -> list[float]:
    return [each[quantity.key] for each in outcomes if quantity.key in each]


def _loss_line(measured: Measured) -> list[_Line]:
    """Return the line that says how far the losses of the two builds lie apart, where both have some."""
    found = [measured.outcomes.get(name, [{}])[:1] for name in (THIS, BEFORE)]
    ours, before = (outcomes[0].get("losses") if outcomes else None for outcomes in found)
    if not ours or not before:
        return []
    heading = f"largest difference of loss in {len(ours)} steps"
    return [(measured.row.name, heading, "", BEFORE, f"{largest_difference(ours, before):.1e}", "")]


def largest_difference(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the largest difference between two sequences of equal length.

    >>> largest_difference([1.0, 2.0], [1.5, 2.0])
    0.5
    """
    return max(abs(one - other) for one, other in zip(ours, others, strict=True))


def median_with_range(values: Sequence[float], places: int) -> str:
    """Return the median, and the least and the most where they differ from it as written.

    >>> median_with_range([1200.4, 1000.0, 1300.0], 0)
    '1,200 (1,000 to 1,300)'
    >>> median_with_range([7.0, 7.0], 1), median_with_range([], 1)
    ('7.0', '-')
    """
    if not values:
        return "-"
    middle, least, most = (f"{each:,.{places}f}" for each in (median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


def ratio(ours: Sequence[float], others: Sequence[float], better: Better) -> str:
    """Return how many times as good the median of ours is; nothing where neither more nor less is better.

    >>> ratio([2.0], [3.0], Better.LESS), ratio([2.0], [3.0], Better.MORE), ratio([2.0], [3.0], Better.NEITHER)
    ('1.50', '0.67', '')
    """
    if better == Better.NEITHER or not ours:
        return ""
    one, other = median(ours), median(others)
    above, below = (one, other) if better == Better.MORE else (other, one)
    return f"{above / below:.2f}" if below else "-"


def _cell(text: str) -> str:
    r"""Return a text as it can stand in a cell.

    >>> _cell("a | b")
    'a \\| b'
    """
    return text.replace("|", r"\|")
