"""Measures of how Rust functions are written: traits, lifetimes and error handling."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean

from codelm.metrics.completion_measures import Idioms, count_idioms, mean_idioms
from codelm.metrics.idiom_queries import rust_grammar
from codelm.metrics.syntax.trees import parse

__all__ = ["Style", "measures", "style"]


@dataclass(frozen=True, slots=True)
class Style:
    """Measures of Rust functions; nearer to the repository's is better, more is not.

    Attributes:
        trait_usage: implementations of traits, bounds, ``dyn`` and ``impl`` types per 1,000 lines that are not blank.
        lifetime_complexity: distinct named lifetimes per function, ``'static`` among them.
        with_lifetime: the share of functions that name one, 0 to 1.
        question_mark_share: ``?`` among ``?``, ``unwrap`` and ``expect``, 0 to 1; None where there is none of them.
    """

    trait_usage: float
    lifetime_complexity: float
    with_lifetime: float
    question_mark_share: float | None


def style(functions: Sequence[str]) -> Style:
    """Return the measures of functions, of which there is at least one."""
    idioms = [_function_idioms(function) for function in functions]
    lines = sum(bool(line.strip()) for function in functions for line in function.splitlines())
    means = mean_idioms(idioms, lines)
    return Style(
        trait_usage=means["trait_usage"],
        lifetime_complexity=means["lifetimes"],
        with_lifetime=fmean(each.lifetimes > 0 for each in idioms),
        question_mark_share=means.get("question_mark_share"),
    )


def _function_idioms(function: str) -> Idioms:
    """Return the idiom counts of a whole function."""
    root = parse(rust_grammar(), function)
    return count_idioms(root, 0, 0, root.end_byte)


def measures(
    repository: Sequence[str], base: Sequence[str], tuned: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Return the fields of `Style` by name, each for the functions of repository, base and tuned model."""
    styles = {"repository": asdict(style(repository)), "base": asdict(style(base)), "tuned": asdict(style(tuned))}
    return {field.name: {source: found[field.name] for source, found in styles.items()} for field in fields(Style)}
