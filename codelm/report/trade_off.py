"""What was won in validation against what was lost on general code, a dot an epoch."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from codelm.metrics.quantities import change, fixed
from codelm.report.axis import CHARACTER, Box, Frame, Scale, drawing, label, line, ticks, twice
from codelm.report.headline import FORGETTING, GAIN
from codelm.report.markup import Markup, element
from codelm.report.tables import folded, table

WIDE = Frame(width=880, height=360, left=34, right=16, top=34, bottom=52)
NARROW = Frame(width=358, height=300, left=40, right=16, top=34, bottom=52)
RADIUS = 5.0
NEAR, FAR = (28.0,), (28.0, 46.0, 64.0)
"""How far above its dot a name may stand: only the kept epoch must have its name at any price."""
GOAL = "size of the goals"
"""What stands in the corner."""
STEPS = 60
"""Into so many steps a line is divided to see what it meets."""
Epoch = Mapping[str, Any]


def trade_off(epochs: Sequence[Epoch]) -> Markup:
    """Return the picture, how to read it, and its numbers."""
    known = [epoch for epoch in epochs if None not in (gain(epoch), epoch["general_change_percent"])]
    if not known:
        return element("p", "No epoch was measured on both sides.", class_="absent")
    picture = twice(lambda frame, class_: draw(known, frame, class_), WIDE, NARROW)
    said = (
        "Each dot is the model after an epoch; the ringed one was kept. Further right is a lower loss on the "
        "validation part, the commits between those learned from and those tested on; further up is worse on other "
        "people's code. The tinted corner has the size of the two goals. The first of them is for the commits tested "
        "on, so that no dot here can show it met."
    )
    return element("figure", picture, element("figcaption", said), numbers(epochs))


def gain(epoch: Epoch) -> float | None:
    """Return by how many percent validation loss fell."""
    change_percent: float | None = epoch["repository_change_percent"]
    return None if change_percent is None else -change_percent


def draw(epochs: Sequence[Epoch], frame: Frame, class_: str) -> Markup:
    """Return the drawing at one size."""
    places = [(-epoch["repository_change_percent"], epoch["general_change_percent"]) for epoch in epochs]
    columns = ticks(min(0.0, *(x for x, _ in places)), max(GAIN * 1.2, *(1.1 * x for x, _ in places)))
    rows = ticks(min(0.0, *(y for _, y in places)), max(FORGETTING * 1.2, *(1.1 * y for _, y in places)))
    across, up = frame.across(columns[0], columns[-1]), frame.up(rows[0], rows[-1])
    dots = [(across(x), up(y)) for x, y in places]
    return drawing(
        frame,
        "Validation loss won against loss on general code, by epoch",
        f"{class_} trade-off",
        *goal(frame, across, up),
        *scaffold(frame, across, up, columns, rows),
        element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in dots), class_="route"),
        *(mark(epoch, x, y) for epoch, (x, y) in zip(epochs, dots, strict=True)),
        *names(epochs, dots, frame, goal_box(frame)),
    )


def goal(frame: Frame, across: Scale, up: Scale) -> Iterator[Markup]:
    """Return the corner of the size of both goals."""
    x, y = across(GAIN), up(FORGETTING)
    right, bottom = frame.width - frame.right, frame.height - frame.bottom
    yield element("rect", x=x, y=y, width=right - x, height=bottom - y, class_="goal")
    yield label(right - 6, bottom - 10, GOAL, "end", class_="goal-name")


def goal_box(frame: Frame) -> Box:
    """Return the room that the goal's name takes."""
    right, bottom = frame.width - frame.right, frame.height - frame.bottom
    return Box(right - 6 - CHARACTER * len(GOAL), bottom - 20, right, bottom)


def scaffold(
    frame: Frame, across: Scale, up: Scale, columns: Sequence[float], rows: Sequence[float]
) -> Iterator[Markup]:
    """Return the net of lines, the numbers along it, and what they count."""
    right, bottom = frame.width - frame.right, frame.height - frame.bottom
    for value in rows:
        yield line(frame.left, up(value), right, up(value), "zero" if value == 0 else "grid")
        yield label(frame.left - 8, up(value), tick(value), "end")
    for value in columns:
        yield line(across(value), frame.top, across(value), bottom, "zero" if value == 0 else "grid")
        yield label(across(value), bottom + 14, tick(value), "middle")
    yield label(0, 10, "general code harder to predict, %", class_="axis")
    yield label(right, frame.height - 10, "validation loss lower than the base's, %", "end", class_="axis")


def tick(value: float) -> str:
    """Return a number along an axis."""
    return fixed(value, 1).removesuffix(".0")


def mark(epoch: Epoch, x: float, y: float) -> Markup:
    """Return the dot of an epoch, ringed if its model was kept."""
    ring = [element("circle", cx=x, cy=y, r=RADIUS + 5, class_="ring")] if epoch["chosen"] else []
    dot = element("circle", cx=x, cy=y, r=RADIUS, class_="epoch untrained" if epoch["step"] == 0 else "epoch")
    return element("g", element("title", story(epoch)), *ring, dot)


def story(epoch: Epoch) -> str:
    """Return what there is to say of an epoch."""
    kept = ", kept" if epoch["chosen"] else ""
    moved = change(epoch["repository_change_percent"]), change(epoch["general_change_percent"])
    return f"epoch {epoch['epoch']}, step {epoch['step']}{kept}: validation loss {moved[0]}, general code {moved[1]}"


def names(
    epochs: Sequence[Epoch], dots: Sequence[tuple[float, float]], frame: Frame, *reserved: Box
) -> Iterator[Markup]:
    """Return the names of those dots beside which there is room, the kept one's first."""
    taken = [*reserved, *(around(x, y, 10) for x, y in dots), *route(dots)]
    for index in sorted(range(len(epochs)), key=lambda index: (not epochs[index]["chosen"], index)):
        text = name(epochs[index])
        for box in rooms(*dots[index], CHARACTER * len(text), FAR if epochs[index]["chosen"] else NEAR):
            inside = box.left >= frame.left and box.right <= frame.width and box.top >= frame.top - 10
            if inside and box.bottom <= frame.height - frame.bottom and not any(box.meets(other) for other in taken):
                taken.append(box)
                yield label((box.left + box.right) / 2, (box.top + box.bottom) / 2, text, "middle")
                break


def around(x: float, y: float, reach: float) -> Box:
    """Return the square about a point."""
    return Box(x - reach, y - reach, x + reach, y + reach)


def route(dots: Sequence[tuple[float, float]]) -> Iterator[Box]:
    """Return the room that the line from dot to dot takes."""
    for (x, y), (next_x, next_y) in pairwise(dots):
        for part in (step / STEPS for step in range(STEPS + 1)):
            yield around(x + part * (next_x - x), y + part * (next_y - y), 1)


def rooms(x: float, y: float, width: float, rises: Sequence[float]) -> Iterator[Box]:
    """Return where the name of a dot may stand: right of it, left, above, below, and so far above on either side."""
    yield Box(x + 12, y - 8, x + 12 + width, y + 8)
    yield Box(x - 12 - width, y - 8, x - 12, y + 8)
    yield Box(x - width / 2, y - 28, x + width / 2, y - 12)
    yield Box(x - width / 2, y + 12, x + width / 2, y + 28)
    for rise in rises:
        yield Box(x - 8 - width, y - rise, x - 8, y - rise + 16)
        yield Box(x + 8, y - rise, x + 8 + width, y - rise + 16)


def name(epoch: Epoch) -> str:
    """Return the name of a dot: the untrained model is the base."""
    if epoch["step"] == 0:
        return "base"
    return f"epoch {epoch['epoch']}, kept" if epoch["chosen"] else str(epoch["epoch"])


def numbers(epochs: Sequence[Epoch]) -> Markup:
    """Return the picture as a table."""
    rows = [
        (
            str(epoch["epoch"]),
            fixed(epoch["step"], 0),
            change(epoch["repository_change_percent"]),
            change(epoch["general_change_percent"]),
            "kept" if epoch["chosen"] else "",
        )
        for epoch in epochs
    ]
    heads = ("epoch", "step", "validation loss", "general code", "")
    return folded("The same in numbers", table("Change against the base; less is better", heads, rows))
