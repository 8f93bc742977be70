"""Tables of all figures of likelihood and of infill tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from codelm.metrics.likelihood import XZ_BASELINE_KEYS
from codelm.metrics.number_format import MISSING, bare_percent, change, counted, decimals, share
from codelm.report.tables import Table

__all__ = ["cursor_table", "infill_tables", "likelihood_table"]

_MEASURES = {
    "exact": ("exact match", share),
    "similarity": ("similarity, of 100", lambda value: decimals(value, 1)),
    "identifiers": ("identifiers, F1", share),
    "valid": ("valid syntax", share),
    "empty": ("nothing written", share),
    "runaway": ("never ended", share),
    "own_names": ("names only this repository has", share),
}
_COLUMNS = {"base": "base", "retrieval": "base + nearest hunk", "tuned": "tuned", "real": "real text"}
_MODES = {
    "infill": "Filling gaps, lines before and after in sight",
    "left_to_right": "Continuing code, only lines before in sight",
}
_LIKELIHOOD = (
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


_SHAPES = {"rest_of_line": "to the end of the line", "inside_line": "inside the line"}
_CURSOR = (
    "places",
    "commits",
    "base, bits per byte",
    "tuned, bits per byte",
    "change",
    "95 % interval",
    "base, exact match",
    "tuned, exact match",
    "base, similarity, of 100",
    "tuned, similarity, of 100",
)


def likelihood_table(likelihood: Mapping[str, Any]) -> Table:
    """Return bits per byte and perplexity of new and of all added lines, beside the bits per byte of xz."""
    kinds = {"new": "new lines", "added": "all added lines"}
    known = [kind for kind in kinds if likelihood[kind] is not None]
    columns = [
        (*_likelihood_column(likelihood[kind]), *_xz_baselines(likelihood.get(XZ_BASELINE_KEYS[kind])))
        for kind in known
    ]
    heads = ("", *map(kinds.__getitem__, known))
    rows = list(zip(_LIKELIHOOD, *columns, strict=True))
    caption = f"Likelihood of {counted(likelihood['commits'], 'commit')}, {counted(likelihood['bytes'], 'byte')}"
    return Table(caption, heads, rows)


def _likelihood_column(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the figures of base and tuned for one kind of lines, in the order of `_LIKELIHOOD`."""
    models = decimals(found["base"], 3), decimals(found["tuned"], 3)
    perplexities = decimals(found["perplexity_base"], 1), decimals(found["perplexity_tuned"], 1)
    return decimals(found["commits"], 0), *models, change(found["change_percent"]), _ends(found), *perplexities


def _xz_baselines(bits: Mapping[str, float | None] | None) -> tuple[str, str]:
    """Return the bits per byte of xz for the same lines, alone and knowing the repository."""
    return (decimals(bits["xz"], 3), decimals(bits["xz_given_snapshot"], 3)) if bits else (MISSING, MISSING)


def cursor_table(cursor: Mapping[str, Any]) -> Table:
    """Return bits per byte, exact matches and similarity of base and tuned model behind a cursor, a column a shape."""
    shapes = [shape for shape in _SHAPES if shape in cursor]
    rows = list(zip(_CURSOR, *(_cursor_column(cursor[shape]) for shape in shapes), strict=True))
    return Table("From a cursor inside a line on", ("", *(_SHAPES[shape] for shape in shapes)), rows)


def _cursor_column(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the figures of one shape, in the order of `_CURSOR`."""
    models = found["base"], found["tuned"]
    bits = (decimals(each["bits_per_byte"], 3) for each in models)
    exact, similar = (share(each["exact"]) for each in models), (decimals(each["similarity"], 1) for each in models)
    counts = decimals(found["tasks"], 0), decimals(found["commits"], 0)
    return *counts, *bits, change(found["change_percent"]), _ends(found), *exact, *similar


def _ends(found: Mapping[str, Any]) -> str:
    """Return the ends of a change's interval."""
    interval = found["interval"]
    return MISSING if interval is None else f"{bare_percent(interval[0])} to {bare_percent(interval[1])}"


def infill_tables(infilling: Mapping[str, Any] | None) -> list[tuple[Table, str]]:
    """Return the table of each mode of the infill tasks with the sentences below it."""
    if not infilling:
        return []
    size = f"{counted(infilling['tasks'], 'hole')} of {counted(infilling['commits'], 'commit')}"
    return [
        (
            _infill_table(f"{words}: {size}", infilling[mode]),
            " ".join(_outcome(infilling[mode], infilling["similarity_by_chance"])),
        )
        for mode, words in _MODES.items()
        if infilling.get(mode) is not None
    ]


def _infill_table(caption: str, found: Mapping[str, Any]) -> Table:
    """Return the measures of base, retrieval and tuned, and of the real text where it has them."""
    columns = {key: head for key, head in _COLUMNS.items() if found.get(key)}
    rows = [(words, *(show(found[key].get(name)) for key in columns)) for name, (words, show) in _MEASURES.items()]
    return Table(caption, ("", *columns.values()), rows)


def _outcome(found: Mapping[str, Any], chance: float | None) -> Iterator[str]:
    """Return sentences on tuned against base, task by task, and on the similarity of unrelated texts."""
    match, exact = found["exact_match"], found["exact_difference"]
    counts = f"won {match['won']:,}, lost {match['lost']:,}, same {match['same']:,}"
    yield f"Exact match against the base: {counts}; {_points(exact, 100)}."
    yield f"Similarity against the base: {_points(found['similarity_difference'])}."
    if chance is not None:
        yield f"The real text of one hole and that of another are {decimals(chance, 1)} alike: so much is chance."


def _points(found: Mapping[str, Any], scale: float = 1) -> str:
    """Return a difference in points of 100, with its interval; ``scale`` converts its unit to such points."""
    estimate, low, high = (None if found[key] is None else scale * found[key] for key in ("estimate", "low", "high"))
    known = f"95 % interval {decimals(low, 1)} to {decimals(high, 1)}"
    sure = "too few commits for an interval" if low is None else known
    return f"{decimals(estimate, 1)} points of 100 ({sure})"
