"""Holes and prompts with what was written into them, beside each other."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from codelm.metrics.quantities import fixed
from codelm.report.difference import Piece, difference
from codelm.report.display import printable
from codelm.report.markup import Markup, brief, element, join
from codelm.report.tables import folded

LINES, WIDTH = 40, 240
"""What is shown of one text at most, in lines and in characters of a line."""
MODES = {"infill": "· filling the gap", "left_to_right": "· continuing the code"}
NOTHING = element("em", "nothing")
CARET = "\N{CARET}"
BREAK = re.compile(r"(\A\s+|\s*\n\s*|\s+\Z)")


def examples(holes: Mapping[str, Any]) -> Markup:
    """Return the best and the worst holes."""
    only, lost = element("mark", "this"), element("span", CARET, class_="missing")
    said = ("In what the models wrote, ", only, " is not in the real text; at ", lost, " some of it is missing.")
    best = series("Where the tuned model gained most on the base", holes["best"], "Nowhere did it come closer.")
    worst = series("Where it lost most", holes["worst"], "Nowhere did it come less close.")
    return join(element("p", *said, class_="key"), best, worst)


def series(title: str, holes: Sequence[Mapping[str, Any]], none: str) -> Markup:
    """Return some holes under a title, or what is said where there are none."""
    shown = [hole_card(hole) for hole in holes] or [element("p", none, class_="absent")]
    return join(element("h3", title), *shown)


def hole_card(hole: Mapping[str, Any]) -> Markup:
    """Return one hole: where it is, the lines around it, and the three texts for it."""
    before, real, base, tuned, after = outdented([hole[key] for key in ("before", "real", "base", "tuned", "after")])
    columns = element(
        "div",
        column("real", "", join(real)),
        column("base", alike(hole["similarity_base"]), compared(real, base) if base.strip() else NOTHING),
        column("tuned", alike(hole["similarity_tuned"]), compared(real, tuned) if tuned.strip() else NOTHING),
        class_="columns three",
    )
    return element("article", *place(hole), context(before, "before"), columns, context(after, "after"), class_="hole")


def place(hole: Mapping[str, Any]) -> tuple[Markup, Markup]:
    """Return where a hole is and how it was filled."""
    where = element("h4", element("code", f"{brief(hole['path'], 120)}:{hole['line']}"))
    how = MODES.get(hole["mode"], "")
    return where, element("p", "commit ", element("code", hole["commit"][:10]), f" {how}", class_="how")


def context(text: str, class_: str) -> Markup:
    """Return lines around a hole."""
    return element("pre", text, class_=f"context {class_}") if text.strip() else Markup("")


def column(head: str, aside: str, code: Markup) -> Markup:
    """Return one of several texts under its name."""
    name = element("h5", head, *([element("span", aside)] if aside else []))
    return element("div", name, element("pre", code), class_=head)


def alike(similarity: float | None) -> str:
    """Return how similar a text is to the real one."""
    return "" if similarity is None else f"{fixed(similarity, 0)} of 100 alike"


def compared(real: str, written: str) -> Markup:
    """Return the written text with its differences from the real one marked."""
    marked = {"same": lambda piece: join(piece.text), "extra": extra, "missing": missing}
    return join(*(marked[piece.kind](piece) for piece in difference(real, written)))


def extra(piece: Piece) -> Markup:
    """Return what is only in the written text, marked except for the blanks at the ends of its lines."""
    title = f"instead of: {brief(piece.instead_of.strip(), WIDTH)}" if piece.instead_of.strip() else None
    parts = BREAK.split(piece.text)
    return join(*(element("mark", part, title=title) if part.strip() else part for part in parts))


def missing(piece: Piece) -> Markup:
    """Return the sign that something of the real text is missing."""
    lost = piece.text.strip()
    return element("span", CARET, title=f"missing: {brief(lost, WIDTH)}", class_="missing") if lost else Markup("")


def outdented(texts: Sequence[str]) -> list[str]:
    """Return the texts as far to the left as the one that starts leftmost allows, cut where too long to show."""
    shown = [shorten(printable(text)).rstrip() for text in texts]
    lines = [line for text in shown for line in text.split("\n") if line.strip()]
    depth = min((len(line) - len(line.lstrip(" ")) for line in lines), default=0)
    return ["\n".join(line[depth:] for line in text.split("\n")) for text in shown]


def shorten(text: str) -> str:
    """Return what there is room for."""
    lines = [brief(line, WIDTH) for line in text.split("\n")]
    return "\n".join(lines if len(lines) <= LINES else [*lines[:LINES], f"… {len(lines) - LINES} more lines"])


def prompts(illustrations: Iterable[Mapping[str, Any]]) -> Markup:
    """Return what both models wrote behind fixed prompts, closed at first: a picture, no measure."""
    cards = [prompt_card(illustration) for illustration in illustrations]
    whose = "The prompts are those of the setting behavior.prompts, whatever language the repository is written in."
    said = element("p", whose, class_="key")
    return folded("What both write behind fixed prompts (an illustration, no measure)", said, *cards)


def prompt_card(illustration: Mapping[str, Any]) -> Markup:
    """Return one prompt and its two continuations."""
    texts = [shorten(printable(illustration[model])) for model in ("base", "tuned")]
    asides = "", f"epoch {illustration['epoch']}" if "epoch" in illustration else ""
    each = zip(("base", "tuned"), asides, texts, strict=True)
    columns = [column(model, aside, join(text)) for model, aside, text in each]
    head = element("h4", element("code", shorten(printable(illustration["prompt"]))))
    return element("article", head, element("div", *columns, class_="columns two"), class_="hole")
