"""A comparison of runs: the settings that differ, and the results side by side, from their manifests."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import getitem
from typing import Any, Literal

__all__ = ["Comparison", "Result", "compare_runs"]

_NAMES_A_RUN = frozenset({"output", "name", "config", "ckpt_path"})
"""Settings that decide nothing of what a run learns."""
_STATS = "phase_results.phase_4_training.training_stats"
_HELD_OUT = "phase_results.phase_4_training.held_out"


@dataclass(frozen=True, slots=True)
class Result:
    """What each run reached in one measure.

    Attributes:
        name: The measure, with its unit.
        values: The number of each run; None where it was not measured.
        changes: The change of each run against its base, and the ends of its 95 % interval; None where there is none.
        best: The place of the best run; None where that cannot be said.
    """

    name: str
    values: list[float | None]
    changes: list[tuple[float, float | None, float | None] | None]
    best: int | None
    shown: list[str]
    """Value and change of each run as text."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes:
        settings: The values of each setting in which runs differ; None where a run has no such setting.
        results: The measures that some run has.
        notes: Which results cannot be compared, and why.
    """

    settings: dict[str, list[Any]]
    results: list[Result]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is compared.

    Attributes:
        name: Its name, with a unit.
        value: The keys on the way to its value in a manifest, joined by dots.
        better: Which values are the better ones.
        part: The held-out commits that it was measured on; "" for what depends on none.
        digits: Decimals.
        change: The way to the change against the base, or the adapter before a refresh: a number in percent with
            its ``interval`` beside it, or a difference with its ends.
        scale: Factor from the manifest's unit to the shown one.
    """

    name: str
    value: str
    better: Literal["low", "high"]
    part: Literal["validation", "test", ""] = ""
    digits: int = 1
    change: str | None = None
    scale: float = 1.0


def _of_cursor(task: str, title: str) -> list[_Measure]:
    way = f"evaluation.cursor.{task}"
    return [
        _Measure(f"{title}, bits per byte", f"{way}.tuned.bits_per_byte", "low", "test", 3, f"{way}.change_percent"),
        _Measure(f"{title}, exact, %", f"{way}.tuned.exact", "high", "test", 1, f"{way}.exact_difference", 100),
        _Measure(
            f"{title}, similarity of 100", f"{way}.tuned.similarity", "high", "test", 1, f"{way}.similarity_difference"
        ),
    ]


_MEASURES = [
    _Measure("validation loss, nats per token", f"{_STATS}.final_val_loss", "low", "validation", 4),
    _Measure("validation perplexity", f"{_STATS}.final_perplexity", "low", "validation", 3),
    *(
        _Measure(f"{title}, bits per byte", f"{way}.tuned", "low", "test", 3, f"{way}.change_percent")
        for title, way in (
            ("new lines", "evaluation.likelihood.new"),
            ("all added lines", "evaluation.likelihood.added"),
        )
    ),
    *_of_cursor("rest_of_line", "to the end of a line"),
    *_of_cursor("inside_line", "inside a line"),
    *(
        _Measure(
            f"{title}, similarity of 100", f"{way}.tuned.similarity", "high", "test", 1, f"{way}.similarity_difference"
        )
        for title, way in (
            ("filling gaps", "evaluation.holes.infill"),
            ("continuing code", "evaluation.holes.left_to_right"),
        )
    ),
    _Measure("after a refresh, bits per byte", "refresh.after", "low", "test", 3, "refresh.change_percent"),
    _Measure("general code forgotten, %", "evaluation.general.forgetting_percent", "low"),
    _Measure("training, minutes", f"{_STATS}.training_time_minutes", "low"),
    _Measure("memory of the process, GiB", "hardware.peaks.ram_gib", "low", digits=2),
    _Measure("memory of the GPU, GiB", "hardware.peaks.gpu_reserved_gib", "low", digits=2),
]


def compare_runs(manifests: Sequence[Mapping[str, Any]], settings: Sequence[Mapping[str, Any]]) -> Comparison:
    """Return runs side by side.

    Args:
        manifests: The content of each run's ``MANIFEST.json``.
        settings: The settings of each, by their full names.
    """
    apart = _parts_that_differ(manifests)
    results = [_result(measure, manifests, is_fair=measure.part not in apart) for measure in _MEASURES]
    return Comparison(
        _differing(settings),
        [result for result in results if any(value is not None for value in result.values)],
        list(apart.values()),
    )


def _differing(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each setting in which runs differ."""
    names = dict.fromkeys(name for each in settings for name in each if name not in _NAMES_A_RUN)
    groups = {name[:place] for name in names for place, character in enumerate(name) if character == "."}
    values = {name: [_value(each, name, groups) for each in settings] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}


def _value(settings: Mapping[str, Any], name: str, groups: Collection[str]) -> Any:
    """Return the value of a setting; an empty group has none where those of another run's group are shown."""
    value = settings.get(name)
    return None if value == {} and name in groups else value


def _parts_that_differ(manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return why the results on a held-out part cannot be compared, by the part; what was not measured is no reason."""
    reasons = {}
    # Not by batches and rows: a run with more rows at a time, or in more processes, has others of the same commits.
    targets = [_at(each, f"{_HELD_OUT}.targets") for each in manifests if _at(each, _HELD_OUT)]
    if _differ([_cuts(each, "cut") for each in manifests]) or _differ(targets):
        reasons["validation"] = "the runs were validated on other rows: their losses cannot be compared"
    tested = [
        [_at(each, f"evaluation.{way}") for way in ("likelihood.bytes", "cursor.asked", "holes.tasks")]
        for each in manifests
        if _at(each, "evaluation.run")
    ]
    if _differ([_cuts(each, "second_cut") for each in manifests]) or _differ(tested):
        reasons["test"] = "the runs were tested on other text: compare the changes against the base"
    return reasons


def _cuts(manifest: Mapping[str, Any], name: str) -> list[Any]:
    """Return where a part ends in each repository that a run has read, by the name of the cut."""
    return [_at(each, f"split.{name}") for each in _at(manifest, "phase_results.phase_1_scrape.repositories") or []]


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _result(measure: _Measure, manifests: Sequence[Mapping[str, Any]], *, is_fair: bool) -> Result:
    values = [_number(_at(each, measure.value), measure.scale) for each in manifests]
    changes = [_change(each, measure) for each in manifests]
    known = [value for value in values if value is not None]
    best = (min if measure.better == "low" else max)(known) if is_fair and len(known) > 1 else None
    # Where all are as good, none is the best.
    place = None if best is None or known.count(best) > 1 else values.index(best)
    unit = " %" if measure.change and measure.change.endswith("percent") else ""
    shown = [_shown(value, found, measure.digits, unit) for value, found in zip(values, changes, strict=True)]
    return Result(measure.name, values, changes, place, shown)


def _change(manifest: Mapping[str, Any], measure: _Measure) -> tuple[float, float | None, float | None] | None:
    """Return the change of a measure against the base and the ends of its interval."""
    found = None if measure.change is None else _at(manifest, measure.change)
    if isinstance(found, Mapping):
        estimate, low, high = (_number(found.get(name), measure.scale) for name in ("estimate", "low", "high"))
    else:
        ends = _at(manifest, f"{str(measure.change).rpartition('.')[0]}.interval") or (None, None)
        estimate, low, high = (_number(value, 1.0) for value in (found, *ends))
    return None if estimate is None else (estimate, low, high)


def _shown(value: float | None, change: tuple[float, float | None, float | None] | None, digits: int, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:,.{digits}f}"
    if change is None:
        return text
    estimate, low, high = change
    interval = "" if low is None or high is None else f", {low:+.1f} to {high:+.1f}"
    return f"{text} ({estimate:+.1f}{unit}{interval})"


def _at(manifest: Any, way: str) -> Any:
    """Return the value behind the keys on the way to it; None where there is none."""
    try:
        return reduce(getitem, way.split("."), manifest)
    except (LookupError, TypeError):
        return None


def _number(value: Any, scale: float) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return scale * value if is_number else None
