"""Parts of the SVG drawings: scales, round ticks, labels that do not overlap, lines."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from codelm.report.markup import element

__all__ = [
    "Box",
    "Frame",
    "Point",
    "Scale",
    "both_widths",
    "drawing",
    "label",
    "line",
    "spread_labels",
    "svg_points",
    "ticks",
]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to coordinates; values beyond the ends are clamped."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value; the middle where the ends are one."""
        extent = self.high - self.low
        share = (value - self.low) / extent if extent else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.stop - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a drawing, and the coordinates of the edges of its plot."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float

    def across(self, low: float, high: float) -> Scale:
        """Return the horizontal scale, from left to right."""
        return Scale(low, high, self.left, self.right)

    def up(self, low: float, high: float) -> Scale:
        """Return the vertical scale, from bottom to top."""
        return Scale(low, high, self.bottom, self.top)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return about ``most`` round numbers or fewer, from ``low`` or below to ``high`` or above.

    >>> ticks(0.3, 2.2), ticks(0, 0)
    ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5], [0.0, 0.2])
    """
    extent = high - low or 1.0
    rough = extent / (most - 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * index, 10) for index in range(first, max(last, first + 1) + 1)]


def spread_labels(wanted: Sequence[float], gap: float, lowest: float, highest: float) -> list[float]:
    """Return coordinates near the wanted ones, in the order of those, that keep a distance.

    Args:
        wanted: coordinates in any order.
        gap: the least distance between neighbours.
        lowest: the lower bound, exceeded where they do not all fit.
        highest: the upper bound.
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = [min(max(wanted[index], lowest), highest) for index in order]
    for above, below in pairwise(range(len(places))):
        places[below] = max(places[below], places[above] + gap)
    ceiling = highest
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return [place for _, place in sorted(zip(order, places, strict=True))]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle that a label or a mark takes."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Return whether the interiors of both have a point in common."""
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.bottom <= other.top or other.bottom <= self.top)


def label(x: float, y: float, text: str, anchor: str = "start", class_: str | None = None) -> Markup:
    """Return a line of text.

    Args:
        x: the horizontal coordinate of its anchor.
        y: the middle of its height.
        text: what it says.
        anchor: which end of the text is at ``x``: "start", "middle" or "end".
        class_: its class in the style sheet.
    """
    return element("text", text, x=x, y=y, dy="0.32em", text_anchor=anchor, class_=class_)


def line(start: Point, end: Point, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def drawing(frame: Frame, title: str, class_: str, *children: str) -> Markup:
    """Return an SVG drawing.

    Args:
        frame: its size.
        title: what screen readers say of it.
        class_: its classes in the style sheet.
        children: its content.
    """
    view = f"0 0 {frame.width:g} {frame.height:g}"
    return element("svg", element("title", title), *children, viewBox=view, role="img", class_=class_)


def svg_points(points: Iterable[Point]) -> str:
    """Return points as the attribute ``points`` of SVG has them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def both_widths(draw: Callable[[Frame, str], Markup], wide: Frame, narrow: Frame) -> Markup:
    """Return a drawing for desktops and one for phones with text of the same size; the style sheet shows one."""
    return draw(wide, "wide") + draw(narrow, "narrow")
