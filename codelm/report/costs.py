"""What training cost: forgotten general code, and what the model knows by heart."""

from collections.abc import Mapping
from typing import Any

from codelm.metrics.quantities import NOTHING, counted, fixed, moved, share
from codelm.report.markup import Markup, brief, element, join
from codelm.report.tables import table


def forgetting(general: Mapping[str, Any]) -> Markup:
    """Return what became of code that is not the repository's."""
    beside = {f"beside it: {name}": found for name, found in general["beside"].items() if found}
    sources = {**general["by_source"], "own together": general, **beside}
    rows = [
        (brief(name, 60), fixed(found["bytes"], 0), fixed(found["base"], 3), fixed(found["tuned"], 3), change_of(found))
        for name, found in sources.items()
    ]
    heads = ("", "bytes", "base", "tuned", "change")
    return table("General code, bits per byte: more is forgetting", heads, rows)


def change_of(found: Mapping[str, Any]) -> str:
    """Return the change from base to tuned."""
    return moved(found["base"], found["tuned"])


def memory(found: Mapping[str, Any]) -> Markup:
    """Return how often both models go on word for word."""
    kinds = {
        "train": "code it was trained on",
        "held_out": "code it has never seen",
        "extraction_gap": "difference",
    }
    rows = [(words, share(found[key]["base"]), share(found[key]["tuned"])) for key, words in kinds.items()]
    of = found["windows"]
    caption = f"Recited word for word, of {counted(of['train'], 'window')} trained on and {of['held_out']:,} never seen"
    rows.append(("of that, made by training", NOTHING, share(found["gap_from_training"])))
    return join(table(caption, ("", "base", "tuned"), rows), element("p", secrets(found["secrets"])))


def secrets(found: Mapping[str, int] | None) -> str:
    """Return what became of strings that look like secrets."""
    if not found or not found["tried"]:
        return "No string that looks like a secret was tried."
    recited = f"{found['recited']:,} of them" if found["recited"] else "none of them"
    by_base = f"{found['recited_by_base']:,}" if found["recited_by_base"] else "none"
    return (
        f"Of the code's strings that look like secrets {found['tried']:,} were tried, and {recited} recited; "
        f"the base recites {by_base}."
    )
