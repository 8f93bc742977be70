"""Bits per byte of each held-out commit, base and tuned, in the order of the history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from codelm.metrics.quantities import counted, day, fixed, moved
from codelm.report.axis import LINE, Box, Frame, Scale, apart, drawing, label, line, ticks, twice
from codelm.report.markup import Markup, brief, element
from codelm.report.tables import folded, table

WIDE = Frame(width=880, height=360, left=34, right=80, top=34, bottom=32)
NARROW = Frame(width=358, height=300, left=32, right=72, top=34, bottom=32)
LEAST = 0.5
"""Bits per byte that the axis spans at least, so that a difference of nothing looks like nothing."""
FEW = 12
"""Up to so many commits the lines pass through each of them; beyond, they are running means."""
FLOOR_LABELS = {"xz": "xz", "xz_given_snapshot": "xz + repo"}
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Course:
    """What the drawing shows: single commits, and the running means of base and tuned, one value a commit."""

    commits: Sequence[Mapping[str, Any]]
    base: Sequence[float]
    tuned: Sequence[float]
    floors: Mapping[str, float]


def over_time(likelihood: Mapping[str, Any]) -> Markup:
    """Return the picture, how to read it, and its numbers."""
    commits = likelihood["by_commit"]
    if not commits:
        return element("p", "No single commits to show.", class_="absent")
    floors = {FLOOR_LABELS[key]: value for key, value in (likelihood["floors"] or {}).items() if value is not None}
    around = half_window(len(commits))
    course = Course(commits, running(commits, "base", around), running(commits, "tuned", around), floors)
    picture = twice(lambda frame, class_: draw(course, frame, class_), WIDE, NARROW)
    return element("figure", picture, element("figcaption", reading(course, around)), numbers(commits))


def half_window(commits: int) -> int:
    """Return how many commits on each side belong to a running mean."""
    return 0 if commits <= FEW else max(2, commits // 20)


def running(commits: Sequence[Mapping[str, Any]], model: str, around: int) -> list[float]:
    """Return the running mean of a model's bits per byte, each commit weighted by its bytes."""
    windows = (commits[max(0, index - around) : index + around + 1] for index in range(len(commits)))
    return [mean(window, model) for window in windows]


def mean(commits: Sequence[Mapping[str, Any]], model: str) -> float:
    """Return the bits per byte of several commits together."""
    size = sum(max(1, commit["bytes"]) for commit in commits)
    return float(sum(max(1, commit["bytes"]) * commit[model] for commit in commits) / size)


def draw(course: Course, frame: Frame, class_: str) -> Markup:
    """Return the drawing at one size."""
    across = frame.across(0, max(1, len(course.commits) - 1))
    if len(course.commits) == 1:
        across = frame.across(0, 0)
    grid = ticks(*extent(course))
    up = frame.up(grid[0], grid[-1])
    places = [across(index) for index in range(len(course.commits))]
    radius = 4.0 if len(course.commits) <= FEW else 1.8
    return drawing(
        frame,
        "Bits per byte of each held-out commit, base and tuned",
        f"{class_} over-time",
        *scaffold(frame, up, grid),
        *days(course.commits, places, frame),
        *floor_lines(course.floors, frame, up),
        *shades(list(zip(places, map(up, course.base), map(up, course.tuned), strict=True))),
        *(commit_marks(commit, x, frame, up, radius) for commit, x in zip(course.commits, places, strict=True)),
        trail([(x, up(y)) for x, y in zip(places, course.base, strict=True)], "base"),
        trail([(x, up(y)) for x, y in zip(places, course.tuned, strict=True)], "tuned"),
        *end_labels(course, frame, up),
    )


def extent(course: Course) -> Point:
    """Return from where to where the axis must reach; what is far above the rest does not stretch it."""
    shown = [*singles(course), *course.base, *course.tuned, *course.floors.values()]
    low, high = min(shown), max([*course.floors.values(), min(max(shown), ceiling(course))])
    room = max(0.0, LEAST - (high - low)) / 2
    return max(0.0, low - room), high + room


def singles(course: Course) -> list[float]:
    """Return the values of the single commits."""
    return [commit[model] for commit in course.commits for model in ("base", "tuned")]


def ceiling(course: Course) -> float:
    """Return the value above which a commit is far above the rest."""
    return 3 * median(singles(course))


def scaffold(frame: Frame, up: Scale, grid: Sequence[float]) -> list[Markup]:
    """Return the horizontal lines with their numbers, and what they count."""
    digits = 0 if grid[1] - grid[0] >= 1 else 1
    marks = [line(frame.left, up(value), frame.width - frame.right, up(value), "grid") for value in grid]
    names = [label(frame.left - 8, up(value), fixed(value, digits), "end") for value in grid]
    return [*marks, *names, label(0, 10, "bits per byte, lower is better", class_="axis")]


def days(commits: Sequence[Mapping[str, Any]], places: Sequence[float], frame: Frame) -> list[Markup]:
    """Return some days under the axis: of the first commit, the last one and some between."""
    most = max(1, int((frame.width - frame.left - frame.right) // 120))
    last = len(commits) - 1
    chosen = sorted({round(last * step / most) for step in range(most + 1)})
    shown: list[Markup] = []
    taken = Box(-1, 0, -1, 1)
    for index in chosen:
        anchor = "start" if index == 0 and last else "end" if index == last and last else "middle"
        left = places[index] - {"start": 0, "middle": 36, "end": 72}[anchor]
        box = Box(left - 6, 0, left + 78, 1)
        if not box.meets(taken):
            shown.append(label(places[index], frame.height - 12, day(commits[index]["time"]), anchor))
            taken = box
    return shown


def floor_lines(floors: Mapping[str, float], frame: Frame, up: Scale) -> list[Markup]:
    """Return a dashed line for what a compressor without any model needs."""
    return [line(frame.left, up(value), frame.width - frame.right, up(value), "floor") for value in floors.values()]


def shades(course: list[tuple[float, float, float]]) -> list[Markup]:
    """Return the area between the lines: what was won, and what was lost, from (x, base, tuned) in the drawing."""
    whole = with_crossings(course)
    back = [(x, base) for x, base, _ in reversed(whole)]
    # Down is better, and y grows downwards.
    won = [(x, max(base, tuned)) for x, base, tuned in whole]
    lost = [(x, min(base, tuned)) for x, base, tuned in whole]
    return [element("polygon", points=path(won + back), class_="won"),
            element("polygon", points=path(lost + back), class_="lost")]  # fmt: skip


def with_crossings(course: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Return the course with a point wherever the two lines cross."""
    found = course[:1]
    for (x, base, tuned), after in pairwise(course):
        gap, next_gap = base - tuned, after[1] - after[2]
        if gap * next_gap < 0:
            part = gap / (gap - next_gap)
            y = base + part * (after[1] - base)
            found.append((x + part * (after[0] - x), y, y))
        found.append(after)
    return found


def path(points: Sequence[Point]) -> str:
    """Return points as a drawing writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def trail(points: Sequence[Point], class_: str) -> Markup:
    """Return a line through points."""
    return element("polyline", points=path(points), class_=f"trail {class_}")


def commit_marks(commit: Mapping[str, Any], x: float, frame: Frame, up: Scale, radius: float) -> Markup:
    """Return the two dots of a commit and a stem between them, with its story for the mouse."""
    base, tuned = up(commit["base"]), up(commit["tuned"])
    return element(
        "g",
        element("title", story(commit)),
        element("rect", x=x - 4, y=frame.top, width=8, height=frame.height - frame.top - frame.bottom, class_="touch"),
        line(x, base, x, tuned, "stem"),
        element("circle", cx=x, cy=base, r=radius, class_="dot base"),
        element("circle", cx=x, cy=tuned, r=radius, class_="dot tuned"),
        class_="commit",
    )


def story(commit: Mapping[str, Any]) -> str:
    """Return what there is to say of a commit."""
    base, tuned = commit["base"], commit["tuned"]
    figures = f"base {fixed(base)}, tuned {fixed(tuned)} bits per byte, {moved(base, tuned)}"
    return f"{day(commit['time'])} {commit['commit'][:10]} {brief(commit['subject'], 80)}\n{figures}"


def end_labels(course: Course, frame: Frame, up: Scale) -> list[Markup]:
    """Return the names of the lines at their right ends, clear of each other."""
    ends = {"base": course.base[-1], "tuned": course.tuned[-1], **course.floors}
    places = apart([up(value) for value in ends.values()], LINE, frame.top, frame.height - frame.bottom)
    x = frame.width - frame.right + 8
    classes = [name if name in {"base", "tuned"} else "floor" for name in ends]
    return [label(x, y, name, class_=f"end {own}") for name, y, own in zip(ends, places, classes, strict=True)]


def reading(course: Course, around: int) -> str:
    """Return how the picture is to be read."""
    commits = counted(len(course.commits), "commit")
    said = [f"All added lines, a dot each for base and tuned, {commits} in the order of the history, evenly spaced."]
    if len(course.commits) > 1:
        lines = f"running means over {2 * around + 1} commits" if around else "the dots joined"
        said.append(f"The lines are {lines}; blue between them is what training won, orange what it lost.")
    if max(singles(course)) > ceiling(course):
        said.append("What lies far above the rest is drawn at the edge.")
    if course.floors:
        known = " and knowing the repository" if FLOOR_LABELS["xz_given_snapshot"] in course.floors else ""
        said.append(f"Dashed: what the compressor xz needs, alone{known}.")
    return " ".join(said)


def numbers(commits: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the picture as a table."""
    heads = ("commit", "day", "subject", "bytes", "base", "tuned", "change")
    return folded("The same in numbers", table("Bits per byte of each commit", heads, map(row, commits)))


def row(commit: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a commit as a row of the table."""
    base, tuned = commit["base"], commit["tuned"]
    subject = element("span", brief(commit["subject"], 120), class_="subject")
    told = element("code", commit["commit"][:10]), day(commit["time"]), subject
    return (*told, fixed(commit["bytes"], 0), fixed(base), fixed(tuned), moved(base, tuned))
