"""All figures as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from codelm.metrics.likelihood import FLOORS
from codelm.metrics.quantities import NOTHING, bare_percent, change, counted, fixed, share
from codelm.report.markup import Markup, element, join
from codelm.report.tables import table

MEASURES = {
    "exact": ("exact match", share),
    "similarity": ("similarity, of 100", lambda value: fixed(value, 1)),
    "identifiers": ("identifiers, F1", share),
    "valid": ("valid syntax", share),
    "empty": ("nothing written", share),
    "runaway": ("never ended", share),
    "own_names": ("names only this repository has", share),
}
COLUMNS = {"base": "base", "retrieval": "base + nearest hunk", "tuned": "tuned", "real": "real text"}
MODES = {
    "infill": "Filling gaps, lines before and after in sight",
    "left_to_right": "Continuing code, only lines before in sight",
}
LIKELIHOOD = (
    "commits",
    "base, bits per byte",
    "tuned, bits per byte",
    "change",
    "95 % interval",
    "base, perplexity per token",
    "tuned, perplexity per token",
    "the compressor xz, bits per byte",
    "xz knowing the repository, bits per byte",
)


def likelihood_table(likelihood: Mapping[str, Any]) -> Markup:
    """Return bits per byte and perplexity of both kinds of lines, and what a compressor needs for them."""
    kinds = {"new": "new lines", "added": "all added lines"}
    columns = [
        (*likelihood_column(likelihood[key]), *floors(likelihood.get(FLOORS[key])))
        for key in kinds
        if likelihood[key] is not None
    ]
    heads = ("", *(words for key, words in kinds.items() if likelihood[key] is not None))
    rows = zip(LIKELIHOOD, *columns, strict=True)
    caption = f"Likelihood of {counted(likelihood['commits'], 'commit')}, {counted(likelihood['bytes'], 'byte')}"
    return table(caption, heads, rows)


def likelihood_column(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the models' figures of one kind of lines, in the order of `LIKELIHOOD`."""
    interval = found["interval"]
    ends = NOTHING if interval is None else f"{bare_percent(interval[0])} to {bare_percent(interval[1])}"
    models = fixed(found["base"], 3), fixed(found["tuned"], 3)
    perplexities = fixed(found["perplexity_base"], 1), fixed(found["perplexity_tuned"], 1)
    return fixed(found["commits"], 0), *models, change(found["change_percent"]), ends, *perplexities


def floors(found: Mapping[str, float | None] | None) -> tuple[str, str]:
    """Return what a compressor needs for the same lines, alone and knowing the repository."""
    return (fixed(found["xz"], 3), fixed(found["xz_given_snapshot"], 3)) if found else (NOTHING, NOTHING)


def hole_tables(holes: Mapping[str, Any]) -> Iterator[Markup]:
    """Return a table and its two sentences for each way of filling holes."""
    for mode, words in MODES.items():
        if holes.get(mode) is not None:
            caption = f"{words}: {counted(holes['tasks'], 'hole')} of {counted(holes['commits'], 'commit')}"
            said = " ".join(outcome(holes[mode], holes["similarity_by_chance"]))
            yield join(hole_table(caption, holes[mode]), element("p", said))


def hole_table(caption: str, found: Mapping[str, Any]) -> Markup:
    """Return the measures of base, retrieval, tuned and, where it has them, of the real text."""
    columns = {key: head for key, head in COLUMNS.items() if found.get(key)}
    rows = [(words, *(show(found[key].get(name)) for key in columns)) for name, (words, show) in MEASURES.items()]
    return table(caption, ("", *columns.values()), rows)


def outcome(found: Mapping[str, Any], chance: float | None) -> Iterator[str]:
    """Return how the tuned model did against the base, hole by hole, and where similarity begins."""
    match, exact = found["exact_match"], found["exact_difference"]
    counts = f"won {match['won']:,}, lost {match['lost']:,}, same {match['same']:,}"
    yield f"Exact match against the base: {counts}; {points(exact, 100)}."
    yield f"Similarity against the base: {points(found['similarity_difference'])}."
    if chance is not None:
        yield f"The real text of one hole and that of another are {fixed(chance, 1)} alike: so much is chance."


def points(found: Mapping[str, Any], scale: float = 1) -> str:
    """Return a difference in points of 100, with its interval; ``scale`` makes such points of its unit."""
    estimate, low, high = (None if found[key] is None else scale * found[key] for key in ("estimate", "low", "high"))
    known = f"95 % interval {fixed(low, 1)} to {fixed(high, 1)}"
    sure = "too few commits for an interval" if low is None else known
    return f"{fixed(estimate, 1)} points of 100 ({sure})"
