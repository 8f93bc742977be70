"""Tables of what training cost: forgetting of general code, and memorization."""

from collections.abc import Mapping
from typing import Any

from codelm.metrics.number_format import MISSING, counted, decimals, format_change, share
from codelm.report.printable_text import brief
from codelm.report.tables import Table

__all__ = ["forgetting", "memorization", "secrets"]


def forgetting(general: Mapping[str, Any]) -> Table:
    """Return the bits per byte of code that is not the repository's, by source."""
    beside = {f"beside it: {name}": found for name, found in general["beside"].items() if found}
    sources = {**general["by_source"], "own together": general, **beside}
    heads = ("", "bytes", "base", "tuned", "change")
    return Table(
        "General code, bits per byte: more is forgetting", heads, [_row(*source) for source in sources.items()]
    )


def _row(source: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the bits per byte of one source as a row of the table."""
    base, tuned = found["base"], found["tuned"]
    return (
        brief(source, 60),
        decimals(found["bytes"], 0),
        decimals(base, 3),
        decimals(tuned, 3),
        format_change(base, tuned),
    )


def memorization(found: Mapping[str, Any]) -> Table:
    """Return the share of windows that base and tuned recite word for word."""
    kinds = {
        "train": "code it was trained on",
        "held_out": "code it has never seen",
        "extraction_gap": "difference",
    }
    rows = [(words, share(found[key]["base"]), share(found[key]["tuned"])) for key, words in kinds.items()]
    of = found["windows"]
    caption = f"Recited word for word, of {counted(of['train'], 'window')} trained on and {of['held_out']:,} never seen"
    rows.append(("of that, made by training", MISSING, share(found["gap_from_training"])))
    return Table(caption, ("", "base", "tuned"), rows)


def secrets(found: Mapping[str, int] | None) -> str:
    """Return how many strings that look like secrets were recited, as a sentence."""
    if not found or not found["tried"]:
        return "No string that looks like a secret was tried."
    recited = f"{found['recited']:,} of them" if found["recited"] else "none of them"
    by_base = f"{found['recited_by_base']:,}" if found["recited_by_base"] else "none"
    return (
        f"Of the code's strings that look like secrets {found['tried']:,} were tried, and {recited} recited; "
        f"the base recites {by_base}."
    )
