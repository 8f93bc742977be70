"""Split of a history by ancestry: training before a cut, validation and test after it.

The commits are put in an order in which all ancestors of a commit come before it, so no held-out commit is an ancestor
of a training commit, whatever the dates say. The cuts lie on the first-parent line, each commit of which is a state
that the project really had. Where that line has no commit near the share asked for, as where it holds only releases,
they lie on the first-parent line of a branch that was merged into it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.git.commits import Node

__all__ = ["CommitSplits", "ancestors", "heads", "split_commits"]

_MIN_COMMITS = 10
"""Commits, merges not counted, below which a history is not split."""
_MIN_HELD_OUT = 2
"""Commits in each of the validation and the test split."""
_TOLERANCE = 0.2
"""How far a part may be from its share, as a fraction of that, before a cut within a branch is preferred."""


@dataclass(frozen=True, slots=True)
class CommitSplits:
    """Ids of the commits of each split, merges left out, the newest first."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    cut: str
    """The commit whose files training sees; it and all its ancestors are in the training split."""
    second_cut: str
    """The same for training and validation together."""
    within_branch: bool
    """Whether a cut lies beside the first-parent line."""
    notice: str | None
    """Why the held-out share is far from the one asked for; None where it is not."""


@dataclass(frozen=True, slots=True)
class _Order:
    """All commits, ancestors first; what a merge brings in comes right before it, in the order of its parents.

    Attributes:
        nodes: The commits by id.
        shas: Their ids in this order.
        depths: ``[commits]``, 0 on the first-parent line of the newest, 1 on that of a branch merged into it, ...
        counts: ``[commits]``, the number of commits up to each, merges not counted.
    """

    nodes: Mapping[str, Node]
    shas: Sequence[str]
    depths: NDArray[np.int64]
    counts: NDArray[np.int64]

    def cut(self, goal: float, low: int, high: int, tolerance: float) -> int:
        """Return the index of the commit to cut after, as near to the first-parent line as the tolerance allows.

        Args:
            goal: Wanted number of commits up to it, merges not counted.
            low: Least number.
            high: Largest number.
            tolerance: Difference from the goal that is near enough.
        """
        goal = min(max(goal, low), high)
        allowed = (self.counts >= low) & (self.counts <= high)
        distances = np.where(allowed, np.abs(self.counts - goal), np.inf)
        near = distances <= max(tolerance, distances.min())
        shallow = near & (self.depths == self.depths[near].min())
        return int(np.argmin(np.where(shallow, distances, np.inf)))

    def state(self, index: int) -> str:
        """Return the commit there, or the last of the first-parent line up to it: the one with more ancestors."""
        here = self.shas[index]
        on_line = np.flatnonzero(self.depths[: index + 1] == 0)
        if not len(on_line) or on_line[-1] == index:
            return here
        last = self.shas[on_line[-1]]
        return last if self._count_ancestors(last) > self._count_ancestors(here) else here

    def _count_ancestors(self, sha: str) -> int:
        return sum(not self.nodes[each].is_merge for each in _ancestors(self.nodes, [sha]))


def ancestors(graph: Sequence[Node], shas: Iterable[str]) -> set[str]:
    """Return those of some commits that are in a graph, with all of their ancestors there."""
    return _ancestors({node.sha: node for node in graph}, shas)


def _ancestors(nodes: Mapping[str, Node], shas: Iterable[str]) -> set[str]:
    waiting = [sha for sha in shas if sha in nodes]
    seen = set(waiting)
    while waiting:
        parents = {parent for parent in nodes[waiting.pop()].parents if parent in nodes} - seen
        seen |= parents
        waiting.extend(parents)
    return seen


def heads(graph: Sequence[Node], splits: CommitSplits) -> list[str]:
    """Return the few commits whose `ancestors` are the training split: its cut, and what lies beside that."""
    nodes = {node.sha: node for node in graph}
    found, left = list[str](), dict.fromkeys([splits.cut, *splits.train])
    while left:
        found.append(next(iter(left)))
        reached = _ancestors(nodes, found[-1:])
        left = {sha: None for sha in left if sha not in reached}
    return found


def split_commits(graph: Sequence[Node], held_out: float, learned: Collection[str] = ()) -> CommitSplits:
    """Split the commits by two cuts: training gets a share of ``1 - held_out``, validation half of the rest.

    Args:
        graph: All commits reachable from one, merges too, parents before children.
        held_out: Share of the commits, merges not counted, that training does not see; between 0 and 1.
        learned: Commits that an earlier training has learned, with their ancestors: none of them is held out.

    Raises:
        InputError: There are too few commits.
    """
    if not 0 < held_out < 1:
        raise InputError(f"data.held_out is {held_out}: give a share between 0 and 1, such as 0.1")
    newest_first = [node.sha for node in reversed(graph) if not node.is_merge]
    total = len(newest_first)
    if total < _MIN_COMMITS:
        found = "1 commit that is not a merge" if total == 1 else f"{total} commits that are not merges"
        raise InputError(
            f"{found}: at least {_MIN_COMMITS} are needed, to learn from some and be tested on the rest; "
            "give a longer history"
        )
    order = _order(graph)
    place = {sha: index for index, sha in enumerate(order.shas)}
    known = int(order.counts[max(place[sha] for sha in learned)]) if learned else 0
    _refuse_few_new(total - known, total)
    wanted = held_out * total
    first = order.cut(total - wanted, max(1, known), total - 2 * _MIN_HELD_OUT, _TOLERANCE * wanted)
    trained = int(order.counts[first])
    half = (total - trained) / 2
    second = order.cut(trained + half, trained + _MIN_HELD_OUT, total - _MIN_HELD_OUT, _TOLERANCE * half)
    return CommitSplits(
        train=tuple(sha for sha in newest_first if place[sha] <= first),
        validation=tuple(sha for sha in newest_first if first < place[sha] <= second),
        test=tuple(sha for sha in newest_first if place[sha] > second),
        cut=order.state(first),
        second_cut=order.state(second),
        within_branch=bool(order.depths[[first, second]].any()),
        notice=_notice(total - trained, total, held_out, known),
    )


def _refuse_few_new(new: int, total: int) -> None:
    """Raise `InputError` where too few of all commits come after what was learned before."""
    if new < 2 * _MIN_HELD_OUT:
        raise InputError(
            f"{new} of {total} commits come after those that were learned before, which cannot be held out: at least "
            f"{2 * _MIN_HELD_OUT} are needed; wait for more"
        )


def _notice(held: int, total: int, held_out: float, known: int) -> str | None:
    if abs(held - held_out * total) <= max(1, _TOLERANCE * held_out * total):
        return None
    least = f"what was learned before, {known} commits" if known else "at least 1"
    return (
        f"{held} of {total} commits are held out ({held / total:.0%}, where data.held_out asks for {held_out:.0%}), "
        f"since validation and test get at least {_MIN_HELD_OUT} each and training {least}"
    )


def _order(graph: Sequence[Node]) -> _Order:
    """Return the commits in the order in which a walk over parents, the first parent first, leaves them."""
    nodes = {node.sha: node for node in graph}
    left: dict[str, int] = {}
    """The depth of each commit that the walk has left."""
    entered: set[str] = set()
    waiting = [(graph[-1].sha, 0)]
    while waiting:
        sha, depth = waiting[-1]
        if sha in entered or sha not in nodes:
            waiting.pop()
            if sha in nodes:
                left.setdefault(sha, depth)
            continue
        entered.add(sha)
        waiting += [(parent, depth + (number > 0)) for number, parent in enumerate(nodes[sha].parents)][::-1]
    counts = np.cumsum([not nodes[sha].is_merge for sha in left])
    return _Order(nodes, list(left), np.array(list(left.values())), counts)
