"""How much was left out, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Drops:
    """How many commits, files and hunks were left out, by reason."""

    commits: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    hunks: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return the counts as plain dicts, the largest first."""
        return {name: dict(_ranked(getattr(self, name))) for name in ("commits", "files", "hunks")}


def total(parts: Iterable[Drops]) -> Drops:
    """Add counts up."""
    summed = Drops()
    for drops in parts:
        for name in ("commits", "files", "hunks"):
            getattr(summed, name).update(getattr(drops, name))
    return summed


def table(drops: Drops) -> str:
    """Render the counts as an aligned table, the largest first.

    >>> print(table(Drops(commits=Counter(bot=2), hunks=Counter(duplicate=1200))))
    dropped  reason     count
    commits  bot            2
    hunks    duplicate  1,200
    """
    rows = [(name, why, f"{count:,}") for name, whys in drops.as_dict().items() for why, count in whys.items()]
    if not rows:
        return "nothing was dropped"
    rows.insert(0, ("dropped", "reason", "count"))
    why_width, count_width = (max(len(row[column]) for row in rows) for column in (1, 2))
    return "\n".join(f"{name:7}  {why:{why_width}}  {count:>{count_width}}" for name, why, count in rows)


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
