"""Whether the model writes as the repository does: the strip of idioms, the named measures, what is derived."""

from collections.abc import Mapping, Sequence
from typing import Any

from codelm.metrics.idioms import sampled, too_few
from codelm.metrics.quantities import counted, fixed, percent
from codelm.report.markup import Markup, brief, element, join
from codelm.report.tables import table

OF_WHOM = ("repository", "base", "tuned")
MEASURES = {
    "trait_usage": "trait usage, per 1,000 lines",
    "lifetime_complexity": "named lifetimes ('static too), per function",
    "with_lifetime": "functions that name a lifetime, as a share of all",
    "question_mark_share": "? as a share of ?, unwrap and expect",
}


def habits(idioms: Mapping[str, Any]) -> Markup:
    """Return everything on idioms."""
    listed = derives(idioms.get("derives"))
    if idioms["distance"] is None:
        return join(element("p", f"{too_few(idioms['functions'])}."), listed)
    said = element("p", distance(idioms), gap(idioms))
    return join(said, strip(idioms["strip"]), measures(idioms["measures"]), listed)


def distance(idioms: Mapping[str, Any]) -> str:
    """Return how far base and tuned stand from the repository, in words."""
    far = idioms["distance"]
    return (
        f"The mix of constructs in what the base writes is {fixed(far['base'], 3)} bits away from the repository's, "
        f"the tuned model's {fixed(far['tuned'], 3)}. Counted in {sampled(idioms['functions'])}."
    )


def gap(idioms: Mapping[str, Any]) -> str:
    """Return how near the repository's own later functions come, and how much of the way was made, or why not."""
    real, closed = idioms["distance"]["real"], idioms["gap_closed"]
    if real is None:
        later = counted(idioms["functions"]["held_out"], "function")
        return f" The repository itself added {later} later: too few to say how near a model can come."
    won = "the base is hardly farther" if closed is None else f"{percent(100 * closed)} of the gap is closed"
    return f" Unseen functions of the repository itself are {fixed(real, 3)} bits away: {won}."


def strip(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Return a row for each idiom with a mark for repository, base and tuned, and the three numbers."""
    if not rows:
        return Markup("")
    key = element("p", *(join(sample(name), f" {name} ") for name in OF_WHOM), "· per 100 functions", class_="key")
    return element("figure", key, element("div", *map(strip_row, rows), class_="strip"))


def sample(name: str) -> Markup:
    """Return the mark of the key."""
    marks = {"repository": diamond("50%")}
    return element("svg", marks.get(name, dot("50%", name)), class_="sample", aria_hidden="true")


def strip_row(row: Mapping[str, Any]) -> Markup:
    """Return one idiom; each row has its own scale from 0 to its largest number."""
    largest = max(*(row[name] for name in OF_WHOM), 1e-9)
    place = {name: f"{2 + 96 * max(0.0, row[name]) / largest:.1f}%" for name in OF_WHOM}
    said = ", ".join(f"{name} {fixed(row[name], 1)}" for name in OF_WHOM)
    track = element(
        "svg",
        element("title", f"{brief(row['idiom'], 40)}: {said}"),
        element("line", x1="2%", x2="98%", y1="50%", y2="50%", class_="grid"),
        element("line", x1=place["base"], x2=place["tuned"], y1="50%", y2="50%", class_="moved"),
        dot(place["base"], "base"),
        dot(place["tuned"], "tuned"),
        diamond(place["repository"]),
        role="img",
    )
    values = [element("span", fixed(row[name], 1), class_=name) for name in OF_WHOM]
    return element("div", element("code", brief(row["idiom"], 40)), track, element("span", *values, class_="values"))


def dot(x: str, class_: str) -> Markup:
    """Return a dot that stays round at any width."""
    return element("circle", cx=x, cy="50%", r="5.5", class_=class_)


def diamond(x: str) -> Markup:
    """Return the mark of the repository, hollow, so that a dot under it is seen."""
    return element("svg", element("path", d="M0-8 8 0 0 8-8 0Z", class_="repository"), x=x, y="50%", overflow="visible")


def measures(found: Mapping[str, Mapping[str, float | None]]) -> Markup:
    """Return the measures that have names."""
    rows = [
        (words, *(fixed(found[key][name], 2) for name in OF_WHOM)) for key, words in MEASURES.items() if key in found
    ]
    return table("More is not better: closer to the repository is", ("", *OF_WHOM), rows)


def derives(found: Mapping[str, Any] | None) -> Markup:
    """Return which traits are derived together, in the order of the repository's habits."""
    if not found:
        return Markup("")
    counts = found["counts"]
    caption = (
        f"Traits derived together, in percent of {counts['repository']:,} lists of the repository, "
        f"{counts['base']:,} of the base and {counts['tuned']:,} of the tuned model"
    )
    rows = [(brief(row["derive"], 60), *(fixed(row[name], 0) for name in OF_WHOM)) for row in found["strip"]]
    return table(caption, ("", *OF_WHOM), rows)
