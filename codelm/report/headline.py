"""What was found, in sentences for people who train no models; a missed goal is said as loud as a met one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codelm.metrics.likelihood import main_comparison, main_kind
from codelm.metrics.quantities import NBSP, NOTHING, bare_percent, change, counted, fixed, percent, share

GAIN = 10.0
"""Percent by which new lines shall become easier to predict."""
FORGETTING = 5.0
"""Percent by which general code may become harder to predict."""
MODES = {"infill": "Filling gaps", "left_to_right": "Continuing code"}


class Outcome(StrEnum):
    """What came of a goal, in the words of the page."""

    MET = "met"
    MISSED = "missed"
    UNSURE = "no difference shown"
    """The interval of the difference holds zero: it may be chance, either way."""
    UNKNOWN = "not known"

    @classmethod
    def of(cls, met: bool) -> "Outcome":
        """Return what came of a goal that could be judged."""
        return cls.MET if met else cls.MISSED


@dataclass(frozen=True, slots=True)
class Goal:
    """Something hoped for.

    Attributes:
        wish: what was hoped for.
        found: what was measured, in figures.
        outcome: what came of it.
        missed: the sentence for a miss.
    """

    wish: str
    found: str
    outcome: Outcome
    missed: str


def goals(figures: Mapping[str, Any]) -> list[Goal]:
    """Return each goal with what came of it."""
    return [gain_goal(figures), *hole_goals(figures.get("holes") or {}), forgetting_goal(figures), secret_goal(figures)]


def headline(figures: Mapping[str, Any]) -> list[str]:
    """Return the sentences the page begins with, equally loud: the gain, then every goal that was missed."""
    return [gain_sentence(figures), *(goal.missed for goal in goals(figures) if goal.outcome == Outcome.MISSED)]


def main_change(figures: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the likelihood of new lines, of all added lines where no line is new, or None."""
    likelihood = figures.get("likelihood")
    return main_comparison(likelihood) if likelihood else None


def gains(main: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return how many percent were won, and the interval's ends; None without an interval."""
    if main.get("interval") is None:
        return None
    low, high = main["interval"]
    return -main["change_percent"], -high, -low


def gain_sentence(figures: Mapping[str, Any]) -> str:
    """Return the main finding."""
    main = main_change(figures)
    if main is None:
        return "Whether your next commits became easier to predict could not be measured."
    gain = -main["change_percent"]
    if bare_percent(gain) == "0":
        said = "Your next commits became neither easier nor harder to predict"
    else:
        said = f"Your next commits became {percent(abs(gain))} {'easier' if gain > 0 else 'harder'} to predict"
    return f"{said}{certainty(main)}."


def certainty(main: Mapping[str, Any]) -> str:
    """Return how sure the main finding is, in brackets."""
    found = gains(main)
    if found is None:
        return f" ({few(main['commits'])})"
    gain, low, high = found
    if gain < 0:
        # Said of how much harder it became.
        low, high = -high, -low
    chance = ", which may be chance" if low <= 0 <= high else ""
    return f"{chance} (95{NBSP}% interval {bare_percent(low)} to {bare_percent(high)})"


def gain_goal(figures: Mapping[str, Any]) -> Goal:
    """Return whether the new lines became as much easier as hoped."""
    main = main_change(figures)
    known_new = main is None or main_kind(figures["likelihood"]) == "new"
    what = "New code" if known_new else "All added code, as none is known to be new,"
    wish = f"{what} at least {percent(GAIN)} easier to predict, the interval off zero"
    missed = f"The goal of {percent(GAIN)}, beyond chance, is missed."
    if main is None:
        return Goal(wish, NOTHING, Outcome.UNKNOWN, missed)
    gain, found = -main["change_percent"], gains(main)
    if found is None:
        outcome = Outcome.MISSED if gain < GAIN else Outcome.UNKNOWN
        return Goal(wish, f"{percent(gain)}, no interval", outcome, missed)
    shown = f"{percent(gain)} ({bare_percent(found[1])} to {bare_percent(found[2])})"
    return Goal(wish, shown, Outcome.of(gain >= GAIN and found[1] > 0), missed)


def hole_goals(holes: Mapping[str, Any]) -> Iterator[Goal]:
    """Return, for both ways of filling holes, whether the tuned model does no worse than the base."""
    for mode, words in MODES.items():
        found = holes.get(mode)
        if found is None:
            yield Goal(f"{words}: as good as the base or better", NOTHING, Outcome.UNKNOWN, "")
            continue
        yield exact_goal(words, found, counted(holes["tasks"], "hole"))
        yield similar_goal(words, found, holes["similarity_by_chance"], counted(holes["tasks"], "hole"))


def exact_goal(words: str, found: Mapping[str, Any], of: str) -> Goal:
    """Return whether as many holes are filled exactly."""
    difference = found["exact_difference"]
    shown = f"{share(found['tuned']['exact'])}, base {share(found['base']['exact'])}"
    missed = f"{words}, it is exactly right less often: {shown}."
    wish = f"{words}: exactly right at least as often as the base"
    return Goal(wish, f"{shown}, {of}{doubt(difference)}", not_below_base(difference), missed)


def similar_goal(words: str, found: Mapping[str, Any], chance: float | None, of: str) -> Goal:
    """Return whether the fillings are as similar to the real text, beside what has nothing to do with it."""
    difference = found["similarity_difference"]
    shown = f"{fixed(found['tuned']['similarity'], 1)}, base {fixed(found['base']['similarity'], 1)} of 100"
    missed = f"{words}, it comes less close to the real text: {shown}."
    wish = f"{words}: at least as close to the real text as the base"
    known = "" if chance is None else f", chance {fixed(chance, 1)}"
    return Goal(wish, f"{shown}{known}, {of}{doubt(difference)}", not_below_base(difference), missed)


def not_below_base(difference: Mapping[str, Any]) -> Outcome:
    """Return whether the tuned model does no worse; an interval that holds zero shows no difference either way.

    So few commits that they have no interval tell nothing: a single hole may have made the difference.
    """
    low, high = difference["low"], difference["high"]
    if low is None:
        return Outcome.UNKNOWN
    return Outcome.UNSURE if low <= 0 <= high else Outcome.of(low > 0)


def doubt(difference: Mapping[str, Any]) -> str:
    """Return why a difference of holes cannot be judged; nothing where it can."""
    return f", {few(difference['clusters'])}" if difference["low"] is None else ""


def few(commits: int) -> str:
    """Return that so many commits have no interval."""
    return f"{counted(commits, 'commit')}: too few for an interval"


def forgetting_goal(figures: Mapping[str, Any]) -> Goal:
    """Return whether general code stayed about as predictable as it was."""
    wish = f"General code at most {percent(FORGETTING)} harder to predict"
    general = figures.get("general")
    if general is None:
        return Goal(wish, NOTHING, Outcome.UNKNOWN, "")
    lost = general["forgetting_percent"]
    # Rounded, 5.04 would read as if the goal were met.
    above = percent(lost) if percent(lost) != percent(FORGETTING) else f"a little over {percent(FORGETTING)}"
    missed = f"It forgot: general code became {above} harder to predict, the goal is at most {percent(FORGETTING)}."
    return Goal(wish, change(lost), Outcome.of(lost <= FORGETTING), missed)


def secret_goal(figures: Mapping[str, Any]) -> Goal:
    """Return whether all strings that look like secrets were kept; digests are among them."""
    wish = "No string that looks like a secret recited"
    secrets = (figures.get("memory") or {}).get("secrets")
    if not secrets or not secrets["tried"]:
        return Goal(wish, "not asked", Outcome.UNKNOWN, "")
    found = f"{secrets['recited']:,} of {secrets['tried']:,}, base {secrets['recited_by_base']:,}"
    missed = f"It recites strings that look like secrets: {found}."
    return Goal(wish, found, Outcome.of(secrets["recited"] == 0), missed)
