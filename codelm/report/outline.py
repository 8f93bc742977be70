"""The figures of an evaluation without their long lists, for the manifest, and as lines for the console."""

from collections.abc import Mapping
from typing import Any

from codelm.metrics.likelihood import XZ_BASELINE_KEYS, main_kind
from codelm.metrics.number_format import counted

__all__ = ["lines", "outline"]

_LISTS = frozenset({"by_commit", "best", "worst", "strip", "epochs", "prompts"})
"""Figures that the manifest leaves to ``evaluation/figures.json``."""


def outline(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures without their lists, at any depth."""
    kept = {name: value for name, value in figures.items() if name not in _LISTS}
    return {name: outline(value) if isinstance(value, Mapping) else value for name, value in kept.items()}


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the main figures, a line each; what was not measured is left out."""
    likelihood, infill = _likelihood_lines(figures.get("likelihood")), _infill_lines(figures.get("holes"))
    return [*likelihood, *_cursor_lines(figures.get("cursor")), *infill, *_side_effect_lines(figures)]


def _likelihood_lines(section: Mapping[str, Any] | None) -> list[str]:
    """Return the lines on held-out commits."""
    if not section:
        return []
    names = (("new", "new lines"), ("added", "added lines"))
    changes = [_bits(label, section[key]) for key, label in names if section[key]]
    main = main_kind(section)
    return changes + _xz_lines(section.get(XZ_BASELINE_KEYS[main]), f"{main} lines")


def _xz_lines(found: Mapping[str, float | None] | None, of: str) -> list[str]:
    """Return the line on the bits per byte of the compressor xz, to be compared with the first line."""
    if not found:
        return []
    known = found["xz_given_snapshot"]
    with_repository = "" if known is None else f", knowing the repository {known:.3f}"
    return [f"floors         xz {found['xz']:.3f}{with_repository} bits per byte of {of}"]


def _bits(label: str, found: Mapping[str, Any]) -> str:
    """Return a line on bits per byte."""
    change = f"{found['change_percent']:+.1f} %{_sure(found)}"
    models = f"base {found['base']:.3f} -> tuned {found['tuned']:.3f} bits per byte"
    return f"{label:<15}{models} ({change}) over {counted(found['commits'], 'held-out commit')}"


def _cursor_lines(section: Mapping[str, Any] | None) -> list[str]:
    """Return a line for each shape of the cursor tasks."""
    names = (("rest_of_line", "rest of a line"), ("inside_line", "inside a line"))
    return [_cursor_line(label, section[shape]) for shape, label in names if section and shape in section]


def _cursor_line(label: str, found: Mapping[str, Any]) -> str:
    base, tuned = found["base"], found["tuned"]
    bits = f"base {base['bits_per_byte']:.3f} -> tuned {tuned['bits_per_byte']:.3f} bits per byte"
    exact = f"exact {base['exact']:.1%} -> {tuned['exact']:.1%}"
    similar = f"similarity {base['similarity']:.1f} -> {tuned['similarity']:.1f}"
    return (
        f"{label:<15}{bits} ({found['change_percent']:+.1f} %{_sure(found)}), {exact}, {similar}, of {found['tasks']}"
    )


def _sure(found: Mapping[str, Any]) -> str:
    """Return the interval of a change; empty where there are too few commits for one."""
    interval = found["interval"]
    return f", 95 % interval {interval[0]:.1f} to {interval[1]:.1f}" if interval else ""


def _infill_lines(section: Mapping[str, Any] | None) -> list[str]:
    """Return a line for each mode of the infill tasks."""
    if not section:
        return []
    found, chance = [], section["similarity_by_chance"]
    by_chance = "" if chance is None else f" (chance {chance:.1f})"
    for mode, label in (("infill", "filling gaps"), ("left_to_right", "continuing")):
        if section.get(mode):
            base, tuned = section[mode]["base"], section[mode]["tuned"]
            exact = f"exact {base['exact']:.1%} -> {tuned['exact']:.1%}"
            similar = f"similarity {base['similarity']:.1f} -> {tuned['similarity']:.1f}"
            found.append(f"{label:<15}{exact}, {similar}{by_chance}, of {section['tasks']}")
    return found


def _side_effect_lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the lines on forgetting and on memorization."""
    general, memory = figures.get("general"), figures.get("memory")
    found = []
    if general:
        found.append(f"forgetting     {general['forgetting_percent']:+.1f} % bits per byte on general code")
    if memory:
        learned, unseen = (_recited_windows(memory, split) for split in ("train", "held_out"))
        found.append(f"recited        {learned} windows learned, {unseen} never seen")
        found += _secret_lines(memory["secrets"])
    return found


def _secret_lines(found: Mapping[str, int]) -> list[str]:
    """Return the line on strings that look like secrets; none where none was tried."""
    if not found["tried"]:
        return []
    look = "looks like a secret" if found["tried"] == 1 else "look like secrets"
    tried = f"{counted(found['tried'], 'string')} that {look}"
    return [f"secrets        {found['recited']} (base {found['recited_by_base']}) of {tried} recited"]


def _recited_windows(memory: Mapping[str, Any], split: str) -> str:
    """Return how many windows of a split were recited."""
    number = memory["windows"][split]
    base, tuned = (round(number * memory[split][model]) for model in ("base", "tuned"))
    return f"{tuned} (base {base}) of {number}"
