"""How functions of Rust are written, in the few measures that have names."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean

from codelm.metrics.idiom_queries import rust
from codelm.metrics.measures import Idioms, count_idioms, mean_idioms
from codelm.metrics.syntax.trees import parse


@dataclass(frozen=True, slots=True)
class Style:
    """How functions of Rust are written; closer to the repository's is better, more is not.

    Attributes:
        trait_usage: implementations of traits, bounds, ``dyn`` and ``impl`` types per 1,000 lines that hold something.
        lifetime_complexity: distinct named lifetimes per function, ``'static`` among them.
        with_lifetime: the share of functions that name one, 0 to 1.
        question_mark_share: ``?`` among ``?``, ``unwrap`` and ``expect``, 0 to 1; None where there is none of them.
    """

    trait_usage: float
    lifetime_complexity: float
    with_lifetime: float
    question_mark_share: float | None


def style(functions: Sequence[str]) -> Style:
    """Return how functions, at least one, are written."""
    idioms = [idioms_of(function) for function in functions]
    lines = sum(bool(line.strip()) for function in functions for line in function.splitlines())
    means = mean_idioms(idioms, lines)
    return Style(
        trait_usage=means["trait_usage"],
        lifetime_complexity=means["lifetimes"],
        with_lifetime=fmean(idiom.lifetimes > 0 for idiom in idioms),
        question_mark_share=means.get("question_mark_share"),
    )


def idioms_of(function: str) -> Idioms:
    """Return the counted idioms of a whole function."""
    root = parse(rust(), function)
    return count_idioms(root, 0, 0, root.end_byte)


def measures(
    repository: Sequence[str], base: Sequence[str], tuned: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Return the measures by name, each of repository, base and tuned model."""
    styles = {"repository": asdict(style(repository)), "base": asdict(style(base)), "tuned": asdict(style(tuned))}
    return {field.name: {who: each[field.name] for who, each in styles.items()} for field in fields(Style)}
