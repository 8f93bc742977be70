"""Drawing of the bits per byte of each held-out commit, base and tuned, in the order of the history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from markupsafe import Markup

from codelm.metrics.number_format import counted, date, decimals, format_change
from codelm.report.axis import (
    Box,
    Frame,
    Point,
    Scale,
    both_widths,
    drawing,
    label,
    line,
    spread_labels,
    svg_points,
    ticks,
)
from codelm.report.markup import element
from codelm.report.printable_text import brief
from codelm.report.tables import Picture, Table

__all__ = ["over_time"]

_WIDE = Frame(width=880, height=360, left=34, right=800, top=34, bottom=328)
_NARROW = Frame(width=358, height=300, left=32, right=286, top=34, bottom=268)
_LINE = 15.0
"""Height of a label with its leading, in units of the drawing."""
_LEAST_EXTENT = 0.5
"""Bits per byte that the axis spans at least, so that a negligible difference looks negligible."""
_FEW_COMMITS = 12
"""Up to so many commits the lines pass through each of them; with more they are running means."""
_XZ_LABELS = {"xz": "xz", "xz_given_snapshot": "xz + repo"}


@dataclass(frozen=True, slots=True)
class _Curves:
    """What the drawing shows: commits, the running means of base and tuned at each, and the bits per byte of xz."""

    commits: Sequence[Mapping[str, Any]]
    base: Sequence[float]
    tuned: Sequence[float]
    xz: Mapping[str, float]


def over_time(likelihood: Mapping[str, Any]) -> Picture | None:
    """Return the picture, how to read it, and its numbers; None without single commits."""
    commits = likelihood["by_commit"]
    if not commits:
        return None
    xz = {_XZ_LABELS[key]: value for key, value in (likelihood["floors"] or {}).items() if value is not None}
    around = 0 if len(commits) <= _FEW_COMMITS else max(2, len(commits) // 20)
    curves = _Curves(commits, _running_means(commits, "base", around), _running_means(commits, "tuned", around), xz)
    drawings = both_widths(lambda frame, class_: _draw(curves, frame, class_), _WIDE, _NARROW)
    return Picture(drawings, _reading(curves, around), _commit_table(commits))


def _running_means(commits: Sequence[Mapping[str, Any]], model: str, around: int) -> list[float]:
    """Return a model's bits per byte over each commit and ``around`` of them on either side, weighted by bytes."""
    windows = (commits[max(0, index - around) : index + around + 1] for index in range(len(commits)))
    return [_mean(window, model) for window in windows]


def _mean(commits: Sequence[Mapping[str, Any]], model: str) -> float:
    """Return the bits per byte of several commits together."""
    size = sum(max(1, commit["bytes"]) for commit in commits)
    return float(sum(max(1, commit["bytes"]) * commit[model] for commit in commits) / size)


def _draw(curves: _Curves, frame: Frame, class_: str) -> Markup:
    """Return the drawing at one size."""
    across = frame.across(0, len(curves.commits) - 1)
    grid = ticks(*_extent(curves))
    up = frame.up(grid[0], grid[-1])
    places = [across(index) for index in range(len(curves.commits))]
    radius = 4.0 if len(curves.commits) <= _FEW_COMMITS else 1.8
    return drawing(
        frame,
        "Bits per byte of each held-out commit, base and tuned",
        f"{class_} over-time",
        *_grid_lines(frame, up, grid),
        *_days(curves.commits, places, frame),
        *(_level(frame, up(value), "floor") for value in curves.xz.values()),
        *_shaded_areas(list(zip(places, map(up, curves.base), map(up, curves.tuned), strict=True))),
        *(_commit_marks(commit, x, frame, up, radius) for commit, x in zip(curves.commits, places, strict=True)),
        element("polyline", points=svg_points(zip(places, map(up, curves.base), strict=True)), class_="trail base"),
        element("polyline", points=svg_points(zip(places, map(up, curves.tuned), strict=True)), class_="trail tuned"),
        *_end_labels(curves, frame, up),
    )


def _extent(curves: _Curves) -> Point:
    """Return the ends of the vertical axis; values far above the rest do not stretch it."""
    shown = [*_commit_values(curves), *curves.base, *curves.tuned, *curves.xz.values()]
    low, high = min(shown), max([*curves.xz.values(), min(max(shown), _outlier_bound(curves))])
    padding = max(0.0, _LEAST_EXTENT - (high - low)) / 2
    return max(0.0, low - padding), high + padding


def _commit_values(curves: _Curves) -> list[float]:
    """Return the bits per byte of all commits, base and tuned."""
    return [commit[model] for commit in curves.commits for model in ("base", "tuned")]


def _outlier_bound(curves: _Curves) -> float:
    """Return the bits per byte above which a commit is far above the rest: three times the median."""
    return 3 * median(_commit_values(curves))


def _grid_lines(frame: Frame, up: Scale, grid: Sequence[float]) -> list[Markup]:
    """Return the horizontal lines, their numbers, and the name of the axis."""
    digits = 0 if grid[1] - grid[0] >= 1 else 1
    marks = [_level(frame, up(value), "grid") for value in grid]
    names = [label(frame.left - 8, up(value), decimals(value, digits), "end") for value in grid]
    return [*marks, *names, label(0, 10, "bits per byte, lower is better", class_="axis")]


def _days(commits: Sequence[Mapping[str, Any]], places: Sequence[float], frame: Frame) -> list[Markup]:
    """Return the days of the first commit, the last one and some between, below the axis."""
    most = max(1, int((frame.right - frame.left) // 120))
    last = len(commits) - 1
    chosen = sorted({round(last * step / most) for step in range(most + 1)})
    shown: list[Markup] = []
    taken = Box(-1, 0, -1, 1)
    for index in chosen:
        anchor = "start" if index == 0 and last else "end" if index == last and last else "middle"
        left = places[index] - {"start": 0, "middle": 36, "end": 72}[anchor]
        box = Box(left - 6, 0, left + 78, 1)
        if not box.overlaps(taken):
            shown.append(label(places[index], frame.height - 12, date(commits[index]["time"]), anchor))
            taken = box
    return shown


def _level(frame: Frame, y: float, class_: str) -> Markup:
    """Return a horizontal line across the plot."""
    return line((frame.left, y), (frame.right, y), class_)


def _shaded_areas(curves: list[tuple[float, float, float]]) -> list[Markup]:
    """Return the areas between the lines, one where tuned is better and one where base is, from (x, base, tuned)."""
    whole = _with_crossings(curves)
    back = [(x, base) for x, base, _ in reversed(whole)]
    # Fewer bits are better, and y grows downwards.
    won = [(x, max(base, tuned)) for x, base, tuned in whole]
    lost = [(x, min(base, tuned)) for x, base, tuned in whole]
    return [element("polygon", points=svg_points(won + back), class_="won"),
            element("polygon", points=svg_points(lost + back), class_="lost")]  # fmt: skip


def _with_crossings(curves: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Return the points (x, base, tuned) with one more wherever the two lines cross."""
    found = curves[:1]
    for (x, base, tuned), after in pairwise(curves):
        gap, next_gap = base - tuned, after[1] - after[2]
        if gap * next_gap < 0:
            part = gap / (gap - next_gap)
            y = base + part * (after[1] - base)
            found.append((x + part * (after[0] - x), y, y))
        found.append(after)
    return found


def _commit_marks(commit: Mapping[str, Any], x: float, frame: Frame, up: Scale, radius: float) -> Markup:
    """Return the two dots of a commit and a stem between them, with a tooltip.

    Args:
        commit: its hash, time, subject and bits per byte.
        x: its place along the axis.
        frame: the size of the drawing.
        up: the vertical scale.
        radius: of the dots.
    """
    base, tuned = up(commit["base"]), up(commit["tuned"])
    return element(
        "g",
        element("title", _tooltip(commit)),
        element("rect", x=x - 4, y=frame.top, width=8, height=frame.bottom - frame.top, class_="touch"),
        line((x, base), (x, tuned), "stem"),
        element("circle", cx=x, cy=base, r=radius, class_="dot base"),
        element("circle", cx=x, cy=tuned, r=radius, class_="dot tuned"),
        class_="commit",
    )


def _tooltip(commit: Mapping[str, Any]) -> str:
    """Return the tooltip of a commit."""
    base, tuned = commit["base"], commit["tuned"]
    figures = f"base {decimals(base)}, tuned {decimals(tuned)} bits per byte, {format_change(base, tuned)}"
    return f"{date(commit['time'])} {commit['commit'][:10]} {brief(commit['subject'], 80)}\n{figures}"


def _end_labels(curves: _Curves, frame: Frame, up: Scale) -> list[Markup]:
    """Return the names of the lines at their right ends, without overlaps."""
    ends = {"base": curves.base[-1], "tuned": curves.tuned[-1], **curves.xz}
    places = spread_labels([up(value) for value in ends.values()], _LINE, frame.top, frame.bottom)
    x = frame.right + 8
    classes = [name if name in {"base", "tuned"} else "floor" for name in ends]
    return [label(x, y, name, class_=f"end {own}") for name, y, own in zip(ends, places, classes, strict=True)]


def _reading(curves: _Curves, around: int) -> str:
    """Return how to read the picture."""
    commits = counted(len(curves.commits), "commit")
    parts = [f"All added lines, a dot each for base and tuned, {commits} in the order of the history, evenly spaced."]
    if len(curves.commits) > 1:
        lines = f"running means over {2 * around + 1} commits" if around else "the dots joined"
        parts.append(f"The lines are {lines}; blue between them is what training won, orange what it lost.")
    if max(_commit_values(curves)) > _outlier_bound(curves):
        parts.append("What lies far above the rest is drawn at the edge.")
    if curves.xz:
        known = " and knowing the repository" if _XZ_LABELS["xz_given_snapshot"] in curves.xz else ""
        parts.append(f"Dashed: what the compressor xz needs, alone{known}.")
    return " ".join(parts)


def _commit_table(commits: Sequence[Mapping[str, Any]]) -> Table:
    """Return the picture as a table."""
    heads = ("commit", "day", "subject", "bytes", "base", "tuned", "change")
    return Table("Bits per byte of each commit", heads, [_row(commit) for commit in commits])


def _row(commit: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a commit as a row of the table."""
    base, tuned = commit["base"], commit["tuned"]
    subject = element("span", brief(commit["subject"], 120), class_="subject")
    about = element("code", commit["commit"][:10]), date(commit["time"]), subject
    return (*about, decimals(commit["bytes"], 0), decimals(base), decimals(tuned), format_change(base, tuned))
