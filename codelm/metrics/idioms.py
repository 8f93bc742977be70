"""Profiles of Rust idioms, compared between a repository and the functions that base and tuned model write.

A profile of five functions hardly tells one repository from another, one of fifty nearly always does. Distances shrink
as the number of functions grows, so samples of equal size are compared.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from statistics import fmean
from typing import Any

from codelm.metrics.idiom_queries import LABELS, macro_names, node_text, profile, return_types, rust_grammar
from codelm.metrics.number_format import counted
from codelm.metrics.style import measures
from codelm.metrics.syntax.trees import parse

__all__ = [
    "ENOUGH_FUNCTIONS",
    "MIN_BYTES",
    "MIN_FUNCTIONS",
    "comparable_functions",
    "compare",
    "contrast",
    "distance",
    "divergence",
    "functions",
    "gap_closed",
    "largest_differences",
    "sample_sizes",
    "sum_counts",
    "too_few_functions",
]

_FROM_PROMPT = frozenset({"fn", "pub_fn", "test"})
"""Idioms that the prompt decides and not the model: it begins a function, perhaps a public one or a test."""
MIN_BYTES, _LONGEST = 80, 4000
"""Bytes between which a function is neither trivial nor huge."""
_SMOOTHING = 0.5
"""Added to each count of a profile before shares are taken."""
MIN_FUNCTIONS, ENOUGH_FUNCTIONS = 25, 50
"""Number of functions below which a profile does not tell repositories apart, and from which it nearly always does."""
_SMALLEST_GAP = 0.01
"""Bits between the base's distance and that of real code, below which the share closed by training is noise."""
_DRAWS = 20
"""Random subsets of a larger sample that are compared at the size of a smaller one."""


def functions(code: str) -> list[str]:
    """Return the text of each Rust function in order; a nested function is part of the outer one."""
    found, stack = [], [parse(rust_grammar(), code)]
    while stack:
        node = stack.pop()
        if node.type == "function_item":
            found.append(node_text(node))
        else:
            stack += reversed(node.children)
    return found


def comparable_functions(functions: Iterable[str]) -> list[str]:
    """Return the functions of `MIN_BYTES` to `_LONGEST` bytes."""
    return [function for function in functions if MIN_BYTES <= len(function.encode(errors="replace")) <= _LONGEST]


def sum_counts(counts: Iterable[Counter[str]]) -> Counter[str]:
    """Return the sum of counters."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def divergence(one: Counter[str], two: Counter[str]) -> float:
    """Return the Jensen-Shannon divergence of two profiles in bits: 0 for equal shares, at most 1.

    Source: J. Lin, Divergence measures based on the Shannon entropy, 1991.
    """
    names = sorted((one.keys() | two.keys()) - _FROM_PROMPT)
    first, second = _shares(one, names), _shares(two, names)
    return fmean((_relative_entropy(first, second), _relative_entropy(second, first))) if names else 0.0


def _shares(counts: Counter[str], names: Sequence[str]) -> list[float]:
    """Return the smoothed shares of the names, which sum to 1."""
    smoothed = [counts[name] + _SMOOTHING for name in names]
    return [count / sum(smoothed) for count in smoothed]


def _relative_entropy(one: Sequence[float], two: Sequence[float]) -> float:
    """Return the Kullback-Leibler divergence, in bits, of one distribution from the mean of it and another."""
    return sum(p * math.log2(2 * p / (p + q)) for p, q in zip(one, two, strict=True))


def distance(sample: Sequence[Counter[str]], whole: Counter[str], size: int) -> float:
    """Return the mean divergence, in bits, of random subsets of ``size`` profiles of the sample from ``whole``."""
    rng = Random(0)
    draws = _DRAWS if len(sample) > size else 1
    return fmean(divergence(sum_counts(rng.sample(sample, size)), whole) for _ in range(draws))


def gap_closed(base: float, tuned: float, real: float | None) -> float | None:
    """Return the share of the gap between base and real code that training closed; negative if the gap widened.

    None where the distance of real code is unknown, or the base's is hardly larger.
    """
    return None if real is None or base - real < _SMALLEST_GAP else (base - tuned) / (base - real)


def _labelled_idioms(function: str) -> Counter[str]:
    """Return the idioms, return types and macros of a function, each labelled as it looks in code."""
    found = Counter({LABELS[name]: count for name, count in profile(function).items() if name not in _FROM_PROMPT})
    found.update(f"-> {name}" for name in return_types(function).elements())
    found.update(f"{name}!" for name in macro_names(function).elements())
    return found


def largest_differences(
    repository: Sequence[str], base: Sequence[str], tuned: Sequence[str], most: int = 8
) -> list[dict[str, str | float]]:
    """Return the idioms in which base and repository differ most, the most significant difference first.

    Args:
        repository: functions of the repository.
        base: functions by the base.
        tuned: functions by the tuned model.
        most: how many idioms are returned at most.

    Returns:
        The label of each ``idiom``, and how often it occurs per 100 functions of ``repository``, ``base``, ``tuned``.
    """
    sources = {"repository": repository, "base": base, "tuned": tuned}
    counts = {name: sum_counts(map(_labelled_idioms, functions)) for name, functions in sources.items()}
    sizes = {name: max(1, len(functions)) for name, functions in sources.items()}

    def significance(label: str) -> float:
        return contrast(counts["repository"][label], sizes["repository"], counts["base"][label], sizes["base"])

    labels = counts["repository"].keys() | counts["base"].keys()
    return [
        {"idiom": label, **{name: 100 * counts[name][label] / sizes[name] for name in sources}}
        for label in sorted(labels, key=lambda label: (-significance(label), label))[:most]
        if significance(label) > 0
    ]


def contrast(one: int, of_one: int, two: int, of_two: int) -> float:
    """Return by how many standard errors two rates differ, so that rare idioms do not rank first by chance.

    >>> contrast(9, 1, 0, 1), contrast(0, 100, 0, 100)
    (3.0, 0.0)

    Args:
        one: the first count, taken as Poisson-distributed.
        of_one: the number of functions it was counted in.
        two: the second count.
        of_two: the number of functions it was counted in.
    """
    error = math.sqrt(one / of_one**2 + two / of_two**2)
    return abs(one / of_one - two / of_two) / error if error else 0.0


def compare(
    repository: Sequence[str], held_out: Sequence[str], base: Sequence[str], tuned: Sequence[str]
) -> dict[str, object] | None:
    """Return how near the functions of base and tuned model come to the repository's, as the report's ``idioms``.

    Only functions `comparable_functions` are compared.

    Args:
        repository: functions of the training snapshot.
        held_out: functions that the repository added later: they show how near its own code comes.
        base: functions by the base.
        tuned: functions by the tuned model.

    Returns:
        Counts of ``functions``; ``distance`` in bits; ``gap_closed``; ``measures``; ``strip``, the largest differences;
        only the counts where a model wrote fewer than `MIN_FUNCTIONS`. None where repository, base or tuned model
        has no function of substance.

    Raises:
        InputError: Rust's grammar is not installed.
    """
    repository, held_out, base, tuned = map(comparable_functions, (repository, held_out, base, tuned))
    if not (repository and base and tuned):
        return None
    sizes = {"repository": len(repository), "held_out": len(held_out), "base": len(base), "tuned": len(tuned)}
    if min(len(base), len(tuned)) < MIN_FUNCTIONS:
        return {"functions": sizes, "distance": None, "gap_closed": None, "measures": {}, "strip": []}
    found = _distances(repository, {"base": base, "tuned": tuned, "real": held_out})
    return {
        "functions": sizes,
        "distance": found,
        "gap_closed": gap_closed(**found),
        "measures": measures(repository, base, tuned),
        "strip": largest_differences(repository, base, tuned),
    }


def too_few_functions(functions: Mapping[str, int]) -> str:
    """Return the message that the models wrote too few functions to be compared."""
    return f"{sample_sizes(functions)}: too few to compare idioms, which takes {MIN_FUNCTIONS}"


def sample_sizes(functions: Mapping[str, int]) -> str:
    """Return in words how many functions the models wrote."""
    return f"{counted(functions['base'], 'function')} of the base and {functions['tuned']:,} of the tuned model"


def _distances(repository: Sequence[str], samples: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return each sample's distance from the repository's profile in bits, all cut to the size of the smallest.

    None for a sample of fewer than `MIN_FUNCTIONS`, which does not count.
    """
    profiles = {name: list(map(profile, sample)) for name, sample in samples.items() if len(sample) >= MIN_FUNCTIONS}
    whole, size = sum_counts(map(profile, repository)), min(map(len, profiles.values()))
    return {name: distance(profiles[name], whole, size) if name in profiles else None for name in samples}
