"""Counts of what was left out, by reason, and where some of it stands."""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["DropCounts", "Dropped", "Place", "format_table", "total"]

Dropped = Literal["commits", "files", "hunks", "values"]
_MOST_PLACES = 100
"""Places remembered for a reason: enough to show, and no burden in a long history."""


class Place(NamedTuple):
    """Where something stands that was left out.

    Attributes:
        commit: The id of its commit; empty for a file of the tree at the cut.
        path: The path of its file; empty for a whole commit or its message. It may hold a credential.
        line: The number of its first line in the file, from 1.
    """

    commit: str
    path: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class DropCounts:
    """How many commits, files, hunks and values of credentials were left out, by reason.

    Attributes:
        places: For each of the four and a reason, the first place in each file, or each commit; the first hundred.
    """

    commits: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    hunks: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    places: dict[tuple[Dropped, str], dict[str, Place]] = field(default_factory=dict, compare=False)

    def add(self, what: Dropped, reason: str, place: Place) -> None:
        """Count one more that was left out, and remember where it stands."""
        counts: Counter[str] = getattr(self, what)
        counts[reason] += 1
        known = self.places.setdefault((what, reason), {})
        if len(known) < _MOST_PLACES:
            known.setdefault(place.path or place.commit, place)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return the counts as plain dicts, the largest first."""
        counts = {"commits": self.commits, "files": self.files, "hunks": self.hunks, "values": self.values}
        return {name: dict(sorted(each.items(), key=lambda item: (-item[1], item[0]))) for name, each in counts.items()}

    def without_commits(self, shas: Sequence[str], dropped: Container[str], reason: str) -> Sequence[str]:
        """Return the ids that are not in ``dropped``, and count the others."""
        for sha in shas:
            if sha in dropped:
                self.add("commits", reason, Place(sha))
        return [sha for sha in shas if sha not in dropped]


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
