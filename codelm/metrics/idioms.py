"""Whether a model writes the way a repository does: profiles of its idioms, their distance, and what differs most.

A profile of five functions tells one repository from another badly, one of fifty nearly always. Distances shrink as
the number of functions grows; so only those of equally many functions are compared.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from statistics import fmean

from codelm.metrics.idiom_queries import LABELS, macro_names, profile, return_heads, rust, text_of
from codelm.metrics.quantities import counted
from codelm.metrics.style import measures
from codelm.metrics.syntax.trees import parse

GIVEN = frozenset({"fn", "pub_fn", "test"})
"""What those who ask for a function say themselves: that it is one, whether it is public, whether a test."""
SHORTEST, LONGEST = 80, 4000
"""Bytes between which a function is neither trivial nor huge."""
SMOOTHING = 0.5
FEWEST, ENOUGH = 25, 50
"""Functions under which a profile does not tell repositories apart, and from which on it nearly always does."""
SMALLEST_GAP = 0.01
"""Bits between the base and real code under which the share of it that training closed would be noise."""
DRAWS = 20
"""How often a larger sample is drawn from to be compared with a smaller one."""


def functions(code: str) -> list[str]:
    """Return the functions in their order; one inside another is part of it."""
    found, waiting = [], [parse(rust(), code)]
    while waiting:
        node = waiting.pop()
        if node.type == "function_item":
            found.append(node)
        else:
            waiting += reversed(node.children)
    return [text_of(node) for node in found]


def of_substance(functions: Iterable[str]) -> list[str]:
    """Return the functions that are neither trivial nor huge."""
    return [each for each in functions if SHORTEST <= len(each.encode(errors="replace")) <= LONGEST]


def total(profiles: Iterable[Counter[str]]) -> Counter[str]:
    """Return the sum of profiles."""
    found: Counter[str] = Counter()
    for each in profiles:
        found.update(each)
    return found


def divergence(one: Counter[str], two: Counter[str]) -> float:
    """Return the Jensen-Shannon divergence of two profiles in bits: 0 for equal shares, at most 1.

    Each count is raised by `SMOOTHING` (J. Lin, Divergence measures based on the Shannon entropy, 1991).

    >>> divergence(Counter(a=2, b=2), Counter(a=2, b=2))
    0.0
    """
    names = sorted((one.keys() | two.keys()) - GIVEN)
    first, second = shares(one, names), shares(two, names)
    return fmean((relative_entropy(first, second), relative_entropy(second, first))) if names else 0.0


def shares(counts: Counter[str], names: Sequence[str]) -> list[float]:
    """Return the smoothed shares of the names, which sum to 1."""
    raised = [counts[name] + SMOOTHING for name in names]
    return [count / sum(raised) for count in raised]


def relative_entropy(one: Sequence[float], two: Sequence[float]) -> float:
    """Return the divergence, in bits, of one distribution from the middle between it and another."""
    return sum(p * math.log2(2 * p / (p + q)) for p, q in zip(one, two, strict=True))


def distance(sample: Sequence[Counter[str]], whole: Counter[str], size: int) -> float:
    """Return the divergence from ``whole`` of ``size`` of the sample's profiles, the mean over draws."""
    chance = Random(0)
    draws = DRAWS if len(sample) > size else 1
    return fmean(divergence(total(chance.sample(sample, size)), whole) for _ in range(draws))


def gap_closed(base: float, tuned: float, real: float | None) -> float | None:
    """Return the share of the distance between base and real code that training closed; negative if it widened.

    None where the distance of real code is unknown, or the base was hardly farther.

    >>> gap_closed(0.25, 0.125, 0.0)
    0.5
    """
    return None if real is None or base - real < SMALLEST_GAP else (base - tuned) / (base - real)


@dataclass(frozen=True, slots=True)
class Distances:
    """How far from a repository's profile functions are, in bits.

    Attributes:
        base: those by the base.
        tuned: those by the tuned model.
        real: the repository's own later ones, the least a model can reach; None where they are fewer than `FEWEST`.
    """

    base: float
    tuned: float
    real: float | None = None


def habits(function: str) -> Counter[str]:
    """Return what a function does, as a person would write it: its idioms, what it returns, the macros it calls."""
    found = Counter({LABELS[name]: count for name, count in profile(function).items() if name not in GIVEN})
    found.update(f"-> {name}" for name in return_heads(function).elements())
    found.update(f"{name}!" for name in macro_names(function).elements())
    return found


def strip(
    repository: Sequence[str], base: Sequence[str], tuned: Sequence[str], most: int = 8
) -> list[dict[str, str | float]]:
    """Return the habits in which base and repository differ most, the clearest first.

    Args:
        repository: functions of the repository.
        base: functions by the base.
        tuned: functions by the tuned model.
        most: how many habits at most.

    Returns:
        For each habit its ``idiom``, and per 100 functions how often it stands in ``repository``, ``base``, ``tuned``.
    """
    sources = {"repository": repository, "base": base, "tuned": tuned}
    counts = {name: total(map(habits, functions)) for name, functions in sources.items()}
    sizes = {name: max(1, len(functions)) for name, functions in sources.items()}

    def clearness(habit: str) -> float:
        return contrast(counts["repository"][habit], sizes["repository"], counts["base"][habit], sizes["base"])

    chosen = sorted(counts["repository"].keys() | counts["base"].keys(), key=lambda habit: (-clearness(habit), habit))
    return [
        {"idiom": habit, **{name: 100 * counts[name][habit] / sizes[name] for name in sources}}
        for habit in chosen[:most]
        if clearness(habit) > 0
    ]


def contrast(one: int, of_one: int, two: int, of_two: int) -> float:
    """Return by how many standard errors two rates of counted things differ, so that rare ones do not win by chance.

    >>> contrast(9, 1, 0, 1), contrast(0, 100, 0, 100)
    (3.0, 0.0)
    """
    error = math.sqrt(one / of_one**2 + two / of_two**2)
    return abs(one / of_one - two / of_two) / error if error else 0.0


def compare(
    repository: Sequence[str], held_out: Sequence[str], base: Sequence[str], tuned: Sequence[str]
) -> dict[str, object] | None:
    """Return how near base and tuned model come to the way the repository is written, as the report's ``idioms``.

    Functions `of_substance` are compared, whoever wrote them.

    Args:
        repository: functions of the training snapshot.
        held_out: functions that the repository added later: how near its own code comes.
        base: functions by the base.
        tuned: functions by the tuned model.

    Returns:
        Counts of ``functions``; ``distance`` in bits; ``gap_closed``; ``measures``; ``strip``; only the counts where a
        model wrote fewer than `FEWEST`. None where one of them but ``held_out`` holds no function of substance.

    Raises:
        InputError: Rust's grammar is not installed.
    """
    repository, held_out, base, tuned = map(of_substance, (repository, held_out, base, tuned))
    if not (repository and base and tuned):
        return None
    sizes = {"repository": len(repository), "held_out": len(held_out), "base": len(base), "tuned": len(tuned)}
    if min(len(base), len(tuned)) < FEWEST:
        return {"functions": sizes, "distance": None, "gap_closed": None, "measures": {}, "strip": []}
    found = distances(repository, held_out, base, tuned)
    return {
        "functions": sizes,
        "distance": asdict(found),
        "gap_closed": gap_closed(found.base, found.tuned, found.real),
        "measures": measures(repository, base, tuned),
        "strip": strip(repository, base, tuned),
    }


def too_few(functions: Mapping[str, int]) -> str:
    """Return that the models wrote too few functions to be compared.

    >>> too_few({"base": 7, "tuned": 3})
    '7 functions of the base and 3 of the tuned model: too few to compare idioms, which takes 25'
    """
    return f"{sampled(functions)}: too few to compare idioms, which takes {FEWEST}"


def sampled(functions: Mapping[str, int]) -> str:
    """Return how many functions the models wrote."""
    return f"{counted(functions['base'], 'function')} of the base and {functions['tuned']:,} of the tuned model"


def distances(
    repository: Sequence[str], held_out: Sequence[str], base: Sequence[str], tuned: Sequence[str]
) -> Distances:
    """Return the distances from the repository's profile, of as many functions as the smallest sample has."""
    whole = total(map(profile, repository))
    samples = [list(map(profile, functions)) for functions in (base, tuned, held_out)]
    judged = samples if len(held_out) >= FEWEST else samples[:2]
    size = min(map(len, judged))
    return Distances(*(distance(sample, whole, size) for sample in judged))
