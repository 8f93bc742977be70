"""The figures of an evaluation without their long lists: what the manifest keeps, and what is said on the console."""

from collections.abc import Mapping
from typing import Any

from codelm.metrics.likelihood import FLOORS, main_kind
from codelm.metrics.quantities import counted

LISTS = frozenset({"by_commit", "best", "worst", "strip", "epochs", "prompts"})
"""What the report shows and the manifest leaves to ``evaluation/figures.json``."""


def outline(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures without their lists, at any depth.

    >>> outline({"likelihood": {"commits": 2, "by_commit": [1, 2]}, "epochs": []})
    {'likelihood': {'commits': 2}}
    """
    kept = {name: value for name, value in figures.items() if name not in LISTS}
    return {name: outline(value) if isinstance(value, Mapping) else value for name, value in kept.items()}


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Return what a person wants to read when an evaluation ends, a line each; what was not measured is left out."""
    return [
        *likelihood_lines(figures.get("likelihood")),
        *hole_lines(figures.get("holes")),
        *cost_lines(figures),
    ]


def likelihood_lines(section: Mapping[str, Any] | None) -> list[str]:
    """Return the lines about held-out commits."""
    if not section:
        return []
    names = (("new", "new lines"), ("added", "added lines"))
    said = [bits(label, section[key]) for key, label in names if section[key]]
    main = main_kind(section)
    return said + floor_lines(section.get(FLOORS[main]), f"{main} lines")


def floor_lines(found: Mapping[str, float | None] | None, of: str) -> list[str]:
    """Return the line about what a compressor needs for the lines that count, to be held against the first line.

    >>> floor_lines({"xz": 1.75, "xz_given_snapshot": 1.136}, "new lines")
    ['floors         xz 1.750, knowing the repository 1.136 bits per byte of new lines']
    """
    if not found:
        return []
    known = found["xz_given_snapshot"]
    with_repository = "" if known is None else f", knowing the repository {known:.3f}"
    return [f"floors         xz {found['xz']:.3f}{with_repository} bits per byte of {of}"]


def bits(label: str, found: Mapping[str, Any]) -> str:
    """Return a line about bits per byte.

    >>> bits("new lines", {"base": 1.5, "tuned": 1.2, "change_percent": -20.0, "interval": None, "commits": 9})
    'new lines      base 1.500 -> tuned 1.200 bits per byte (-20.0 %) over 9 held-out commits'
    """
    interval = found["interval"]
    sure = f", 95 % interval {interval[0]:.1f} to {interval[1]:.1f}" if interval else ""
    change = f"{found['change_percent']:+.1f} %{sure}"
    models = f"base {found['base']:.3f} -> tuned {found['tuned']:.3f} bits per byte"
    return f"{label:<15}{models} ({change}) over {counted(found['commits'], 'held-out commit')}"


def hole_lines(section: Mapping[str, Any] | None) -> list[str]:
    """Return the lines about holes."""
    found = []
    for mode, label in (("infill", "filling gaps"), ("left_to_right", "continuing code")):
        if section and section.get(mode):
            base, tuned = section[mode]["base"], section[mode]["tuned"]
            exact = f"exact {base['exact']:.1%} -> {tuned['exact']:.1%}"
            similar = f"similarity {base['similarity']:.1f} -> {tuned['similarity']:.1f}"
            found.append(f"{label:<17}{exact}, {similar}{chance(section)}, of {section['tasks']}")
    return found


def chance(section: Mapping[str, Any]) -> str:
    """Return how similar texts are that have nothing to do with each other; nothing of a single hole."""
    found = section["similarity_by_chance"]
    return "" if found is None else f" (chance {found:.1f})"


def cost_lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the lines about what was forgotten and what is recited."""
    general, memory = figures.get("general"), figures.get("memory")
    found = []
    if general:
        found.append(f"forgetting     {general['forgetting_percent']:+.1f} % bits per byte on general code")
    if memory:
        learned, unseen = (recited(memory, part) for part in ("train", "held_out"))
        found.append(f"recited        {learned} windows learned, {unseen} never seen")
        found += secret_lines(memory["secrets"])
    return found


def secret_lines(found: Mapping[str, int]) -> list[str]:
    """Return the line about strings that look like secrets; nothing where none was tried.

    >>> secret_lines({"tried": 5, "recited": 3, "recited_by_base": 0})
    ['secrets        3 (base 0) of 5 strings that look like secrets recited']
    """
    tried = counted(found["tried"], "string")
    look = "looks like a secret" if found["tried"] == 1 else "look like secrets"
    said = f"secrets        {found['recited']} (base {found['recited_by_base']}) of {tried} that {look} recited"
    return [said] if found["tried"] else []


def recited(memory: Mapping[str, Any], part: str) -> str:
    """Return how many windows of a part were recited.

    >>> recited({"windows": {"train": 50}, "train": {"base": 0.0, "tuned": 0.04}}, "train")
    '2 (base 0) of 50'
    """
    number = memory["windows"][part]
    base, tuned = (round(number * memory[part][model]) for model in ("base", "tuned"))
    return f"{tuned} (base {base}) of {number}"
