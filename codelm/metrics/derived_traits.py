"""Sets of traits that Rust code derives together: in the repository, by the base and by the tuned model.

Generated functions hold hardly any derives, so both models complete the prompt `DERIVE_PROMPT` for them.
"""

from collections import Counter
from collections.abc import Iterable

from codelm.metrics.idiom_queries import captures, node_text
from codelm.metrics.idioms import sum_counts

__all__ = ["DERIVE_PROMPT", "compare_derives", "derive_sets"]

DERIVE_PROMPT = "#[derive("
_QUERY = '(attribute_item (attribute (identifier) @_word arguments: (token_tree) @derived) (#eq? @_word "derive"))'


def derive_sets(code: str) -> Counter[str]:
    """Return how often each set of traits is derived, whatever their order."""
    lists = (node_text(node).strip("()").split(",") for node in captures(_QUERY, code).get("derived", []))
    return Counter(", ".join(sorted(trait.strip() for trait in traits if trait.strip())) for traits in lists)


def compare_derives(
    repository: Iterable[str], base: Iterable[str], tuned: Iterable[str], most: int = 8
) -> dict[str, object] | None:
    """Return how often repository, base and tuned model derive the same traits together.

    Args:
        repository: its files.
        base: texts by the base, each from `DERIVE_PROMPT` on.
        tuned: texts by the tuned model, likewise.
        most: how many sets are returned at most.

    Returns:
        ``counts`` of derives; ``strip``: the repository's most frequent sets, and for each the percent of all derives
        of ``repository``, ``base``, ``tuned``. None where one of them derives nothing.
    """
    sources = {"repository": repository, "base": base, "tuned": tuned}
    sets = {name: sum_counts(map(derive_sets, texts)) for name, texts in sources.items()}
    counts = {name: found.total() for name, found in sets.items()}
    if not all(counts.values()):
        return None
    frequent = sorted(sets["repository"].items(), key=lambda item: (-item[1], item[0]))[:most]
    strip = [
        {"derive": traits, **{name: 100 * found[traits] / counts[name] for name, found in sets.items()}}
        for traits, _ in frequent
    ]
    return {"counts": counts, "strip": strip}
