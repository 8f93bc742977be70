"""The idioms of repository, base and tuned: their distance in words, named measures and derived traits as tables."""

from collections.abc import Mapping
from typing import Any

from codelm.metrics.idioms import sample_sizes, too_few_functions
from codelm.metrics.number_format import counted, decimals, percent
from codelm.report.printable_text import brief
from codelm.report.tables import Table

__all__ = ["idiom_places", "idiom_summary", "idiom_tables"]

_SOURCES = ("repository", "base", "tuned")
_MEASURES = {
    "trait_usage": "trait usage, per 1,000 lines",
    "lifetime_complexity": "named lifetimes ('static too), per function",
    "with_lifetime": "functions that name a lifetime, as a share of all",
    "question_mark_share": "? as a share of ?, unwrap and expect",
}


def idiom_summary(idioms: Mapping[str, Any]) -> str:
    """Return how far base and tuned are from the repository, or that there are too few functions to say so."""
    far = idioms["distance"]
    if far is None:
        return f"{too_few_functions(idioms['functions'])}."
    return (
        f"The mix of constructs in what the base writes is {decimals(far['base'], 3)} bits away from the repository's, "
        f"the tuned model's {decimals(far['tuned'], 3)}. Counted in {sample_sizes(idioms['functions'])}.{_gap(idioms)}"
    )


def idiom_tables(idioms: Mapping[str, Any]) -> list[Table]:
    """Return the tables of the named measures and of the derived traits, as far as they are known."""
    measured = [] if idioms["distance"] is None else [_measures(idioms["measures"])]
    return [*measured, *([_derives(idioms["derives"])] if idioms.get("derives") else [])]


def _gap(idioms: Mapping[str, Any]) -> str:
    """Return the distance of the repository's own later functions, and the share of the gap that was closed."""
    real, closed = idioms["distance"]["real"], idioms["gap_closed"]
    if real is None:
        later = counted(idioms["functions"]["held_out"], "function")
        return f" The repository itself added {later} later: too few to say how near a model can come."
    closing = "the base is hardly farther" if closed is None else f"{percent(100 * closed)} of the gap is closed"
    return f" Unseen functions of the repository itself are {decimals(real, 3)} bits away: {closing}."


def idiom_places(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the places of an idiom's three marks in its row, whose scale goes from 0 to its largest number."""
    largest = max(*(row[name] for name in _SOURCES), 1e-9)
    return {name: f"{2 + 96 * max(0.0, row[name]) / largest:.1f}%" for name in _SOURCES}


def _measures(found: Mapping[str, Mapping[str, float | None]]) -> Table:
    """Return the named measures, as far as they are known."""
    rows = [
        (words, *(decimals(found[key][name], 2) for name in _SOURCES))
        for key, words in _MEASURES.items()
        if key in found
    ]
    return Table("More is not better: closer to the repository is", ("", *_SOURCES), rows)


def _derives(found: Mapping[str, Any]) -> Table:
    """Return which traits are derived together, in percent of all lists of derived traits."""
    counts = found["counts"]
    caption = (
        f"Traits derived together, in percent of {counts['repository']:,} lists of the repository, "
        f"{counts['base']:,} of the base and {counts['tuned']:,} of the tuned model"
    )
    rows = [(brief(row["derive"], 60), *(decimals(row[name], 0) for name in _SOURCES)) for row in found["strip"]]
    return Table(caption, ("", *_SOURCES), rows)
