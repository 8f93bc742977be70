"""Drawing of the gain in validation loss against the loss on general code, a dot for each epoch."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from codelm.metrics.number_format import change, decimals
from codelm.report.axis import Box, Frame, Point, both_widths, drawing, label, line, svg_points, ticks
from codelm.report.headline import FORGETTING, GAIN
from codelm.report.markup import element
from codelm.report.tables import Picture, Table

__all__ = ["trade_off"]

_WIDE = Frame(width=880, height=360, left=34, right=864, top=34, bottom=308)
_NARROW = Frame(width=358, height=300, left=40, right=342, top=34, bottom=248)
_RADIUS = 5.0
_CHARACTER = 7.0
"""Width of an average character of a label, in units of the drawing, rather too wide than too narrow."""
_NEAR, _FAR = (28.0,), (28.0, 46.0, 64.0)
"""How far above its dot a label may be; only the kept epoch, which must have its label, takes the far ones."""
_GOAL_LABEL = "size of the goals"
_STEPS = 60
"""Number of steps into which a line is divided to find what overlaps it."""
_Epoch = Mapping[str, Any]


def trade_off(epochs: Sequence[_Epoch]) -> Picture | None:
    """Return the picture, how to read it, and its numbers; None if no epoch was measured on both sides."""
    known = [
        epoch for epoch in epochs if None not in (epoch["repository_change_percent"], epoch["general_change_percent"])
    ]
    if not known:
        return None
    drawings = both_widths(lambda frame, class_: _draw(known, frame, class_), _WIDE, _NARROW)
    caption = (
        "Each dot is the model after an epoch; the ringed one was kept. Further right is a lower loss on the "
        "validation part, the commits between those learned from and those tested on; further up is worse on other "
        "people's code. The tinted corner has the size of the two goals. The first of them is for the commits tested "
        "on, so that no dot here can show it met."
    )
    return Picture(drawings, caption, _epoch_table(epochs))


def _draw(epochs: Sequence[_Epoch], frame: Frame, class_: str) -> Markup:
    """Return the drawing at one size."""
    points = [(-epoch["repository_change_percent"], epoch["general_change_percent"]) for epoch in epochs]
    columns = ticks(min(0.0, *(x for x, _ in points)), max(GAIN * 1.2, *(1.1 * x for x, _ in points)))
    rows = ticks(min(0.0, *(y for _, y in points)), max(FORGETTING * 1.2, *(1.1 * y for _, y in points)))
    across, up = frame.across(columns[0], columns[-1]), frame.up(rows[0], rows[-1])
    dots = [(across(x), up(y)) for x, y in points]
    vertical, horizontal = (
        [(value, scale(value)) for value in marks] for scale, marks in ((across, columns), (up, rows))
    )
    return drawing(
        frame,
        "Validation loss won against loss on general code, by epoch",
        f"{class_} trade-off",
        *_goal_area(frame, across(GAIN), up(FORGETTING)),
        *_grid_lines(frame, vertical, horizontal),
        element("polyline", points=svg_points(dots), class_="route"),
        *(_epoch_mark(epoch, x, y) for epoch, (x, y) in zip(epochs, dots, strict=True)),
        *_epoch_labels(epochs, dots, frame),
    )


def _goal_area(frame: Frame, x: float, y: float) -> Iterator[Markup]:
    """Return the tinted corner below and right of the goals' values, and its label."""
    yield element("rect", x=x, y=y, width=frame.right - x, height=frame.bottom - y, class_="goal")
    yield label(frame.right - 6, frame.bottom - 10, _GOAL_LABEL, "end", class_="goal-name")


def _goal_box(frame: Frame) -> Box:
    """Return the box of the corner's label."""
    return Box(frame.right - 6 - _CHARACTER * len(_GOAL_LABEL), frame.bottom - 20, frame.right, frame.bottom)


def _grid_lines(frame: Frame, vertical: Sequence[Point], horizontal: Sequence[Point]) -> Iterator[Markup]:
    """Return the lines of the grid, given as (value, coordinate), with their values, and the names of both axes."""
    for value, y in horizontal:
        yield line((frame.left, y), (frame.right, y), "zero" if value == 0 else "grid")
        yield label(frame.left - 8, y, _tick(value), "end")
    for value, x in vertical:
        yield line((x, frame.top), (x, frame.bottom), "zero" if value == 0 else "grid")
        yield label(x, frame.bottom + 14, _tick(value), "middle")
    yield label(0, 10, "general code harder to predict, %", class_="axis")
    yield label(frame.right, frame.height - 10, "validation loss lower than the base's, %", "end", class_="axis")


def _tick(value: float) -> str:
    """Return a value as the axes show it."""
    return decimals(value, 1).removesuffix(".0")


def _epoch_mark(epoch: _Epoch, x: float, y: float) -> Markup:
    """Return the dot of an epoch with its tooltip, ringed if its model was kept."""
    ring = [element("circle", cx=x, cy=y, r=_RADIUS + 5, class_="ring")] if epoch["chosen"] else []
    dot = element("circle", cx=x, cy=y, r=_RADIUS, class_="epoch untrained" if epoch["step"] == 0 else "epoch")
    return element("g", element("title", _tooltip(epoch)), *ring, dot)


def _tooltip(epoch: _Epoch) -> str:
    """Return the tooltip of an epoch."""
    kept = ", kept" if epoch["chosen"] else ""
    moved = change(epoch["repository_change_percent"]), change(epoch["general_change_percent"])
    return f"epoch {epoch['epoch']}, step {epoch['step']}{kept}: validation loss {moved[0]}, general code {moved[1]}"


def _epoch_labels(epochs: Sequence[_Epoch], dots: Sequence[Point], frame: Frame) -> Iterator[Markup]:
    """Return the labels of those dots beside which there is space, that of the kept epoch first."""
    taken = [_goal_box(frame), *(_square(x, y, 10) for x, y in dots), *_route(dots)]
    for index in sorted(range(len(epochs)), key=lambda index: (not epochs[index]["chosen"], index)):
        text = _label_text(epochs[index])
        for box in _label_boxes(dots[index], _CHARACTER * len(text), _FAR if epochs[index]["chosen"] else _NEAR):
            inside = box.left >= frame.left and box.right <= frame.width and box.top >= frame.top - 10
            if inside and box.bottom <= frame.bottom and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                yield label((box.left + box.right) / 2, (box.top + box.bottom) / 2, text, "middle")
                break


def _square(x: float, y: float, reach: float) -> Box:
    """Return the square around a point."""
    return Box(x - reach, y - reach, x + reach, y + reach)


def _route(dots: Sequence[Point]) -> Iterator[Box]:
    """Return small boxes along the line from dot to dot."""
    for (x, y), (next_x, next_y) in pairwise(dots):
        for part in (step / _STEPS for step in range(_STEPS + 1)):
            yield _square(x + part * (next_x - x), y + part * (next_y - y), 1)


def _label_boxes(dot: Point, width: float, rises: Sequence[float]) -> Iterator[Box]:
    """Return the possible boxes of a dot's label: right, left, above, below, and so far above it on either side."""
    x, y = dot
    yield Box(x + 12, y - 8, x + 12 + width, y + 8)
    yield Box(x - 12 - width, y - 8, x - 12, y + 8)
    yield Box(x - width / 2, y - 28, x + width / 2, y - 12)
    yield Box(x - width / 2, y + 12, x + width / 2, y + 28)
    for rise in rises:
        yield Box(x - 8 - width, y - rise, x - 8, y - rise + 16)
        yield Box(x + 8, y - rise, x + 8 + width, y - rise + 16)


def _label_text(epoch: _Epoch) -> str:
    """Return the label of a dot."""
    if epoch["step"] == 0:
        return "base"
    return f"epoch {epoch['epoch']}, kept" if epoch["chosen"] else str(epoch["epoch"])


def _epoch_table(epochs: Sequence[_Epoch]) -> Table:
    """Return the picture as a table."""
    rows = [
        (
            str(epoch["epoch"]),
            decimals(epoch["step"], 0),
            change(epoch["repository_change_percent"]),
            change(epoch["general_change_percent"]),
            "kept" if epoch["chosen"] else "",
        )
        for epoch in epochs
    ]
    heads = ("epoch", "step", "validation loss", "general code", "")
    return Table("Change against the base; less is better", heads, rows)
