"""The findings of an evaluation in sentences for readers who train no models, and its goals with their outcomes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codelm.metrics.likelihood import main_comparison, main_kind
from codelm.metrics.number_format import MISSING, NBSP, bare_percent, change, counted, decimals, percent, share

__all__ = ["FORGETTING", "GAIN", "goals", "headline", "main_change"]

GAIN = 10.0
"""Goal: percent by which new lines become easier to predict, at least."""
FORGETTING = 5.0
"""Goal: percent by which general code becomes harder to predict, at most."""
_SHAPES = {"rest_of_line": "From a cursor to the end of its line", "inside_line": "Inside a line"}
_MODES = {"infill": "Filling gaps", "left_to_right": "Continuing code"}


class _Outcome(StrEnum):
    """Whether a goal was met, in the words of the page."""

    MET = "met"
    MISSED = "missed"
    UNSURE = "no difference shown"
    """The interval of the difference holds zero, so that it may be chance either way."""
    UNKNOWN = "not known"

    @classmethod
    def of(cls, met: bool) -> "_Outcome":
        """Return the outcome of a goal on which there is enough data."""
        return cls.MET if met else cls.MISSED


@dataclass(frozen=True, slots=True)
class _Goal:
    """A goal of the training, what was found, and the sentence that the headline has if it was missed."""

    text: str
    found: str = MISSING
    outcome: _Outcome = _Outcome.UNKNOWN
    missed: str = ""


def goals(figures: Mapping[str, Any]) -> list[_Goal]:
    """Return all goals with their outcomes."""
    cursor, infilling = _cursor_goals(figures.get("cursor") or {}), _infill_goals(figures.get("holes") or {})
    return [_gain_goal(figures), *cursor, *infilling, _forgetting_goal(figures), _secret_goal(figures)]


def headline(figures: Mapping[str, Any]) -> list[str]:
    """Return the sentences of the page's first heading: the gain, then each goal that was missed."""
    return [_gain_sentence(figures), *(goal.missed for goal in goals(figures) if goal.outcome == _Outcome.MISSED)]


def main_change(figures: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the likelihood of new lines, or of all added lines where no line is new; None if not measured."""
    likelihood = figures.get("likelihood")
    return main_comparison(likelihood) if likelihood else None


def _gains(main: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return the gain in percent and the ends of its interval; None without an interval."""
    if main.get("interval") is None:
        return None
    low, high = main["interval"]
    return -main["change_percent"], -high, -low


def _gain_sentence(figures: Mapping[str, Any]) -> str:
    """Return the main finding."""
    main = main_change(figures)
    if main is None:
        return "Whether your next commits became easier to predict could not be measured."
    if main["commits"] == 1:
        return "Whether your next commits became easier to predict is not known: only one commit was measured."
    gain = -main["change_percent"]
    if bare_percent(gain) == "0":
        sentence = "Your next commits became neither easier nor harder to predict"
    else:
        size = _unlike_goal(abs(gain), GAIN, misses=gain < GAIN)
        sentence = f"Your next commits became {size} {'easier' if gain > 0 else 'harder'} to predict"
    return f"{sentence}{_certainty(main)}."


def _unlike_goal(value: float, goal: float, *, misses: bool) -> str:
    """Return a number of percent; one that misses a goal and is rounded to it would read as if the goal were met."""
    shown = percent(value)
    if not misses or shown != percent(goal):
        return shown
    return f"a little {'over' if value > goal else 'under'} {shown}"


def _certainty(main: Mapping[str, Any]) -> str:
    """Return the interval of the main finding in brackets, or that there is none."""
    found = _gains(main)
    if found is None:
        return f" ({_too_few(main['commits'])})"
    gain, low, high = found
    if gain < 0:
        # The sentence states how much harder it became, so the interval is of that too.
        low, high = -high, -low
    chance = ", which may be chance" if low <= 0 <= high else ""
    return f"{chance} (95{NBSP}% interval {bare_percent(low)} to {bare_percent(high)})"


def _gain_goal(figures: Mapping[str, Any]) -> _Goal:
    """Return the goal on how much easier to predict new lines became."""
    main = main_change(figures)
    known_new = main is None or main_kind(figures["likelihood"]) == "new"
    what = "New code" if known_new else "All added code, as none is known to be new,"
    text = f"{what} at least {percent(GAIN)} easier to predict, the interval off zero"
    missed = f"The goal of {percent(GAIN)}, beyond chance, is missed."
    if main is None:
        return _Goal(text)
    gain, found = -main["change_percent"], _gains(main)
    if found is None:
        return _Goal(text, f"{percent(gain)}, {_too_few(main['commits'])}", _Outcome.UNKNOWN, missed)
    size = _unlike_goal(gain, GAIN, misses=gain < GAIN)
    shown = f"{size} ({bare_percent(found[1])} to {bare_percent(found[2])})"
    return _Goal(text, shown, _Outcome.of(gain >= GAIN and found[1] > 0), missed)


def _cursor_goals(cursor: Mapping[str, Any]) -> Iterator[_Goal]:
    """Yield the goals that the text behind a cursor became no harder to predict, for both shapes."""
    for shape, words in _SHAPES.items():
        text = f"{words}: not harder to predict"
        found = cursor.get(shape)
        if found is None:
            yield _Goal(text)
            continue
        lost, interval, of = found["change_percent"], found["interval"], counted(found["tasks"], "place")
        if interval is None:
            yield _Goal(text, f"{change(lost)}, {_too_few(found['commits'])}")
            continue
        shown = f"{change(lost)} ({bare_percent(interval[0])} to {bare_percent(interval[1])}), {of}"
        missed = f"{words}, what follows became harder to predict: {shown}."
        yield _Goal(text, shown, _not_below_base({"low": -interval[1], "high": -interval[0]}), missed)


def _infill_goals(infilling: Mapping[str, Any]) -> Iterator[_Goal]:
    """Return the goals that tuned does no worse than base in infill tasks, for both modes."""
    for mode, words in _MODES.items():
        found = infilling.get(mode)
        if found is None:
            yield _Goal(f"{words}: as good as the base or better")
            continue
        chance, of = infilling["similarity_by_chance"], counted(infilling["tasks"], "hole")
        yield _exact_goal(words, found, of)
        yield _similarity_goal(words, found, of if chance is None else f"chance {decimals(chance, 1)}, {of}")


def _exact_goal(words: str, found: Mapping[str, Any], of: str) -> _Goal:
    """Return the goal on exact matches; ``of`` is the number of tasks in words."""
    difference = found["exact_difference"]
    shown = f"{share(found['tuned']['exact'])}, base {share(found['base']['exact'])}"
    missed = f"{words}, it is exactly right less often: {shown}."
    text = f"{words}: exactly right at least as often as the base"
    return _Goal(text, f"{shown}, {of}{_without_interval(difference)}", _not_below_base(difference), missed)


def _similarity_goal(words: str, found: Mapping[str, Any], of: str) -> _Goal:
    """Return the goal on similarity to the real text; ``of`` is that of unrelated texts, and the number of tasks."""
    difference = found["similarity_difference"]
    shown = f"{decimals(found['tuned']['similarity'], 1)}, base {decimals(found['base']['similarity'], 1)} of 100"
    missed = f"{words}, it comes less close to the real text: {shown}."
    text = f"{words}: at least as close to the real text as the base"
    return _Goal(text, f"{shown}, {of}{_without_interval(difference)}", _not_below_base(difference), missed)


def _not_below_base(difference: Mapping[str, Any]) -> _Outcome:
    """Return whether tuned does no worse than base.

    An interval that holds zero shows no difference either way. Without an interval the outcome is unknown: a single
    task may have made the difference.
    """
    low, high = difference["low"], difference["high"]
    if low is None:
        return _Outcome.UNKNOWN
    return _Outcome.UNSURE if low <= 0 <= high else _Outcome.of(low > 0)


def _without_interval(difference: Mapping[str, Any]) -> str:
    """Return that a difference has no interval; empty where it has one."""
    return f", {_too_few(difference['clusters'])}" if difference["low"] is None else ""


def _too_few(commits: int) -> str:
    """Return the words for commits too few for an interval."""
    return f"{counted(commits, 'commit')}: too few for an interval"


def _forgetting_goal(figures: Mapping[str, Any]) -> _Goal:
    """Return the goal on general code."""
    text = f"General code at most {percent(FORGETTING)} harder to predict"
    general = figures.get("general")
    if general is None:
        return _Goal(text)
    lost = general["forgetting_percent"]
    size = _unlike_goal(lost, FORGETTING, misses=lost > FORGETTING)
    missed = f"It forgot: general code became {size} harder to predict, the goal is at most {percent(FORGETTING)}."
    shown = change(lost) if size == percent(lost) else size
    return _Goal(text, shown, _Outcome.of(lost <= FORGETTING), missed)


def _secret_goal(figures: Mapping[str, Any]) -> _Goal:
    """Return the goal on strings that look like secrets; digests are among them."""
    text = "No string that looks like a secret recited"
    secrets = (figures.get("memory") or {}).get("secrets")
    if not secrets or not secrets["tried"]:
        return _Goal(text, "not asked")
    found = f"{secrets['recited']:,} of {secrets['tried']:,}, base {secrets['recited_by_base']:,}"
    missed = f"It recites strings that look like secrets: {found}."
    return _Goal(text, found, _Outcome.of(secrets["recited"] == 0), missed)
