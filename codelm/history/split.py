"""Split of a history by ancestry: training before a cut, validation and test after it.

The cuts lie on the first-parent line, each commit of which is a state that the project really had. All ancestors of a
cut are before it, so no held-out commit is an ancestor of a training commit, whatever the dates say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.git.commits import Node

__all__ = ["CommitSplits", "first_parents", "split_commits"]

_MIN_COMMITS = 10
"""Commits, merges not counted, below which a history is not split."""
_MIN_HELD_OUT = 2
"""Commits in each of the validation and the test split."""


@dataclass(frozen=True, slots=True)
class CommitSplits:
    """Ids of the commits of each split, merges left out, the newest first."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    cut: str
    """The newest commit that training may see, with all its ancestors."""
    second_cut: str
    """The same for validation; all other commits are the test split."""


def split_commits(graph: Sequence[Node], held_out: float) -> CommitSplits:
    """Split the commits by two cuts on the first-parent line of the newest.

    The training split comes as near to a share of ``1 - held_out`` as the line allows, then validation as near to half
    of the rest.

    Args:
        graph: All commits reachable from one, merges too, parents before children.
        held_out: Share of the commits, merges not counted, that training does not see; between 0 and 1.

    Raises:
        InputError: There are too few commits, or no two places to cut between them.
    """
    if not 0 < held_out < 1:
        raise InputError(f"held_out is {held_out}: give a share between 0 and 1, such as 0.1")
    commits = [node.sha for node in graph if not node.is_merge]
    if len(commits) < _MIN_COMMITS:
        found = "1 commit that is not a merge" if len(commits) == 1 else f"{len(commits)} commits that are not merges"
        raise InputError(
            f"{found}: at least {_MIN_COMMITS} are needed, to learn from some and be tested on the rest; "
            "give a longer history"
        )
    line = first_parents(graph)
    steps = _steps(graph, line)
    first, second = _cuts(np.cumsum(np.bincount([steps[sha] for sha in commits], minlength=len(line))), held_out)
    newest_first = commits[::-1]
    return CommitSplits(
        train=tuple(sha for sha in newest_first if steps[sha] <= first),
        validation=tuple(sha for sha in newest_first if first < steps[sha] <= second),
        test=tuple(sha for sha in newest_first if steps[sha] > second),
        cut=line[first],
        second_cut=line[second],
    )


def first_parents(graph: Sequence[Node]) -> list[str]:
    """Return the first-parent line of the last commit of the graph, the oldest first.

    >>> first_parents([Node("a", ()), Node("b", ("a",)), Node("c", ("a",)), Node("d", ("c", "b"))])
    ['a', 'c', 'd']
    """
    parent = {node.sha: node.parents[0] if node.parents else "" for node in graph}
    line = [graph[-1].sha]
    while parent[line[-1]] in parent:
        line.append(parent[line[-1]])
    return line[::-1]


def _steps(graph: Sequence[Node], line: Sequence[str]) -> dict[str, int]:
    """Return, for each commit, the index of the first commit of the line that is it or descends from it."""
    parents = {node.sha: node.parents for node in graph}
    steps: dict[str, int] = {}
    for step, tip in enumerate(line):
        unvisited = [tip]
        while unvisited:
            sha = unvisited.pop()
            if sha in parents and sha not in steps:
                steps[sha] = step
                unvisited.extend(parents[sha])
    return steps


def _cuts(reached: NDArray[np.int64], held_out: float) -> tuple[int, int]:
    """Return the indices of both cuts on the line.

    ``reached``, ``[line]``, is the number of commits that each commit of the line can reach, merges not counted.

    Raises:
        InputError: There are no two places to cut.
    """
    total = reached[-1]
    latest = max(reached[reached <= total - _MIN_HELD_OUT], default=0)
    candidates = np.flatnonzero((reached >= 1) & (reached <= latest - _MIN_HELD_OUT))
    if not len(candidates):
        raise InputError(
            f"{total} commits come into the first-parent line at too few places to cut it in three parts of at least"
            f" 1, {_MIN_HELD_OUT} and {_MIN_HELD_OUT}; give a revision with a longer first-parent line"
        )
    first = _nearest(reached, candidates, (1 - held_out) * total)
    candidates = np.flatnonzero((reached >= reached[first] + _MIN_HELD_OUT) & (reached <= total - _MIN_HELD_OUT))
    return first, _nearest(reached, candidates, (reached[first] + total) / 2)


def _nearest(reached: NDArray[np.int64], indices: NDArray[np.intp], goal: float) -> int:
    return int(indices[np.argmin(np.abs(reached[indices] - goal))])
