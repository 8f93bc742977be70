"""Measures of how Rust functions are written: traits, lifetimes and error handling."""

from collections.abc import Sequence
from statistics import fmean

from codelm.metrics.completion_measures import count_idioms, mean_idioms
from codelm.metrics.idiom_queries import rust_grammar
from codelm.metrics.syntax.trees import parse

__all__ = ["measures", "style"]


def style(functions: Sequence[str]) -> dict[str, float | None]:
    """Return measures of at least one function; nearer to the repository's is better, more is not.

    * ``trait_usage``: implementations of traits, bounds, ``dyn`` and ``impl`` types per 1,000 lines that are not blank.
    * ``lifetime_complexity``: distinct named lifetimes per function, ``'static`` among them.
    * ``with_lifetime``: the share of functions that name one, 0 to 1.
    * ``question_mark_share``: ``?`` among ``?``, ``unwrap`` and ``expect``, 0 to 1; None where there is none of them.
    """
    roots = [parse(rust_grammar(), function) for function in functions]
    idioms = [count_idioms(root, 0, 0, root.end_byte) for root in roots]
    lines = sum(bool(line.strip()) for function in functions for line in function.splitlines())
    means = mean_idioms(idioms, lines)
    return {
        "trait_usage": means["trait_usage"],
        "lifetime_complexity": means["lifetimes"],
        "with_lifetime": fmean(each.lifetimes > 0 for each in idioms),
        "question_mark_share": means.get("question_mark_share"),
    }


def measures(
    repository: Sequence[str], base: Sequence[str], tuned: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Return each measure of `style` for the functions of repository, base and tuned model."""
    styles = {"repository": style(repository), "base": style(base), "tuned": style(tuned)}
    return {name: {source: found[name] for source, found in styles.items()} for name in styles["base"]}
