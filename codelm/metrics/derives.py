"""Which traits are derived together: by the repository, by the base and by the tuned model.

Functions hold hardly any, so both models are asked for them with `HEAD`.
"""

from collections import Counter
from collections.abc import Iterable

from codelm.metrics.idiom_queries import captures, text_of
from codelm.metrics.idioms import total

HEAD = "#[derive("
QUERY = '(attribute_item (attribute (identifier) @_word arguments: (token_tree) @derived) (#eq? @_word "derive"))'


def derive_sets(code: str) -> Counter[str]:
    """Return how often which traits are derived together, whatever their order.

    >>> derive_sets("#[derive(Debug, Clone)] struct A; #[derive(Clone, Debug)] struct B;")
    Counter({'Clone, Debug': 2})
    """
    lists = (text_of(node).strip("()").split(",") for node in captures(QUERY, code).get("derived", []))
    return Counter(", ".join(sorted(trait.strip() for trait in traits if trait.strip())) for traits in lists)


def compare_derives(
    repository: Iterable[str], base: Iterable[str], tuned: Iterable[str], most: int = 8
) -> dict[str, object] | None:
    """Return how often repository, base and tuned model derive the same traits together.

    Args:
        repository: its files.
        base: what the base wrote, each text from `HEAD` on.
        tuned: what the tuned model wrote.
        most: how many sets at most.

    Returns:
        ``counts`` of derives; ``strip``: the repository's most frequent sets, and for each the percent of all derives
        of ``repository``, ``base``, ``tuned``. None where one of them derives nothing.
    """
    written = {"repository": repository, "base": base, "tuned": tuned}
    found = {name: total(map(derive_sets, texts)) for name, texts in written.items()}
    counts = {name: each.total() for name, each in found.items()}
    if not all(counts.values()):
        return None
    common = sorted(found["repository"].items(), key=lambda item: (-item[1], item[0]))[:most]
    strip = [
        {"derive": traits, **{name: 100 * each[traits] / counts[name] for name, each in found.items()}}
        for traits, _ in common
    ]
    return {"counts": counts, "strip": strip}
