"""Counts of what was left out, by reason."""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["DropCounts", "format_table", "total"]


@dataclass(frozen=True, slots=True)
class DropCounts:
    """How many commits, files, hunks and values of credentials were left out, by reason."""

    commits: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    hunks: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return the counts as plain dicts, the largest first."""
        counts = {"commits": self.commits, "files": self.files, "hunks": self.hunks, "values": self.values}
        return {name: dict(sorted(each.items(), key=lambda item: (-item[1], item[0]))) for name, each in counts.items()}

    def without_commits(self, shas: Sequence[str], dropped: Container[str], reason: str) -> Sequence[str]:
        """Return the ids that are not in ``dropped``, and count the others."""
        kept = [sha for sha in shas if sha not in dropped]
        if len(kept) < len(shas):
            self.commits[reason] += len(shas) - len(kept)
        return kept


def total(counts: Iterable[DropCounts]) -> DropCounts:
    """Return the sum of the counts."""
    summed = DropCounts()
    for drops in counts:
        for name in ("commits", "files", "hunks", "values"):
            getattr(summed, name).update(getattr(drops, name))
    return summed


def format_table(drops: DropCounts) -> str:
    """Return the counts as an aligned table, the largest first."""
    rows = [
        (name, reason, f"{count:,}") for name, reasons in drops.as_dict().items() for reason, count in reasons.items()
    ]
    if not rows:
        return "nothing was dropped"
    rows.insert(0, ("dropped", "reason", "count"))
    reason_width, count_width = (max(len(row[column]) for row in rows) for column in (1, 2))
    return "\n".join(f"{name:7}  {reason:{reason_width}}  {count:>{count_width}}" for name, reason, count in rows)
