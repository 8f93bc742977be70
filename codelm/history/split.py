"""Cut the history in two, past and future, and keep copies of the past from being examined as future.

The cuts lie on the first-parent line, where each commit stands for a state that the project really had. All that a
cut commit can reach is before it; so no held-out commit is an ancestor of one that is learned, whatever the dates say.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.git.commits import Change, Commit, Hunk, Node
from codelm.history.filters.drops import Drops

FEWEST = 10
"""Commits, merges not counted, below which there is nothing to split."""
FEWEST_HELD_OUT = 2
"""Commits in each of the two held-out parts."""
Grams = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Split:
    """Ids of the commits of each part, merges left out, the newest first."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    cut: str
    """The newest commit that training may know: it, and all it can reach."""
    second_cut: str
    """The same for validation; all else is for the test."""


def split(graph: Sequence[Node], held_out: float) -> Split:
    """Part the commits by two cuts on the first-parent line of the newest.

    The training part comes as near to a share of ``1 - held_out`` as the line allows, then validation as near to half
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
    if len(commits) < FEWEST:
        found = "1 commit that is not a merge" if len(commits) == 1 else f"{len(commits)} commits that are not merges"
        raise InputError(
            f"{found}: at least {FEWEST} are needed, to learn from some and be tested on the rest; "
            "give a longer history"
        )
    line = first_parents(graph)
    steps = _steps(graph, line)
    first, second = _cuts(np.cumsum(np.bincount([steps[sha] for sha in commits], minlength=len(line))), held_out)
    part = {sha: int(steps[sha] > first) + int(steps[sha] > second) for sha in reversed(commits)}
    train, validation, test = (tuple(sha for sha in part if part[sha] == number) for number in range(3))
    return Split(train, validation, test, cut=line[first], second_cut=line[second])


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
    """Return, for each commit, the first place of the line that can reach it."""
    parents = {node.sha: node.parents for node in graph}
    steps: dict[str, int] = {}
    for step, end in enumerate(line):
        waiting = [end]
        while waiting:
            sha = waiting.pop()
            if sha in parents and sha not in steps:
                steps[sha] = step
                waiting.extend(parents[sha])
    return steps


def _cuts(reached: NDArray[np.int64], held_out: float) -> tuple[int, int]:
    """Return the places of both cuts on the line.

    ``reached``, ``[places]``, is the number of commits that each place can reach, merges not counted.
    """
    total = reached[-1]
    latest = max(reached[reached <= total - FEWEST_HELD_OUT], default=0)
    firsts = np.flatnonzero((reached >= 1) & (reached <= latest - FEWEST_HELD_OUT))
    if not len(firsts):
        raise InputError(
            f"{total} commits come into the first-parent line at too few places to cut it in three parts of at least"
            f" 1, {FEWEST_HELD_OUT} and {FEWEST_HELD_OUT}; give a revision with a longer first-parent line"
        )
    first = _nearest(reached, firsts, (1 - held_out) * total)
    room = (reached >= reached[first] + FEWEST_HELD_OUT) & (reached <= total - FEWEST_HELD_OUT)
    return first, _nearest(reached, np.flatnonzero(room), (reached[first] + total) / 2)


def _nearest(reached: NDArray[np.int64], places: NDArray[np.intp], goal: float) -> int:
    return int(places[np.argmin(np.abs(reached[places] - goal))])


ROW = 5
"""Words in a row that are compared."""
COPIED = 0.8
"""Share of the rows of a hunk, known from training, from which the hunk is a near copy."""
BATCH = 1 << 20
"""Digests that may wait before they are sorted in: 8 MB."""
NEAR_COPY = "near copy of training"
ONLY_NEAR_COPIES = "only near copies of training"

_WORD = re.compile(r"[A-Za-z_0-9]+")
_FACTORS = (np.random.default_rng(0).integers(1 << 63, size=ROW, dtype=np.uint64) << np.uint64(1)) | np.uint64(1)


@dataclass(slots=True)
class NearCopies:
    """Remembers training text by 64-bit digests of its rows of five words, 8 bytes each, to know it when seen again.

    >>> copies = NearCopies()
    >>> copies.learn("fn main() { let a = b; let c = d; }")
    >>> copies.containment("fn main ( ) { let a = b }"), copies.containment("struct Nothing { of: the, sort: At }")
    (1.0, 0.0)
    """

    known: Grams = field(default_factory=lambda: np.empty(0, np.uint64))
    """Sorted, each once."""
    waiting: list[Grams] = field(default_factory=list)
    count_waiting: int = 0

    def learn(self, text: str) -> None:
        """Add training text: what one hunk added, or a whole file."""
        self.waiting.append(_grams(text))
        self.count_waiting += len(self.waiting[-1])
        if self.count_waiting > BATCH:
            self._sort_in()

    def containment(self, text: str) -> float:
        """Return the share of the rows of ``text`` that training holds; 0 where there are no five words."""
        self._sort_in()
        grams = _grams(text)
        if not len(grams) or not len(self.known):
            return 0.0
        places = np.minimum(np.searchsorted(self.known, grams), len(self.known) - 1)
        return float(np.mean(self.known[places] == grams))

    def holds(self, hunk: Hunk) -> bool:
        """Tell whether the hunk is long enough to judge (3 lines or 12 words) and a near copy."""
        text = "".join(hunk.added)
        long_enough = len(hunk.added) >= 3 or len(_WORD.findall(text)) >= 12
        return long_enough and self.containment(text) >= COPIED

    def _sort_in(self) -> None:
        if self.waiting:
            self.known = np.unique(np.concatenate([self.known, *self.waiting]))
            self.waiting, self.count_waiting = [], 0


def drop_near_copies(commits: Iterable[Commit], copies: NearCopies, drops: Drops) -> Iterator[Commit]:
    """Yield held-out commits without the hunks that training all but holds; ``drops`` is added to.

    Such hunks would reward memory: by time, 4 to 7 % of those of three lines or more are of this kind.
    """
    for commit in commits:
        kept = tuple(filter(None, (_without_copies(change, copies, drops) for change in commit.changes)))
        if kept:
            yield replace(commit, changes=kept)
        else:
            drops.commits[ONLY_NEAR_COPIES] += 1


def _without_copies(change: Change, copies: NearCopies, drops: Drops) -> Change | None:
    hunks = tuple(hunk for hunk in change.hunks if not copies.holds(hunk))
    if len(hunks) < len(change.hunks):
        drops.hunks[NEAR_COPY] += len(change.hunks) - len(hunks)
    if not hunks:
        drops.files[ONLY_NEAR_COPIES] += 1
    return replace(change, hunks=hunks) if hunks else None


def _grams(text: str) -> Grams:
    """Return the digest of each row of five words, each digest once, ``[rows]``."""
    words = _WORD.findall(text)
    if len(words) < ROW:
        return np.empty(0, np.uint64)
    digests = np.fromiter(map(_digest, words), np.uint64, len(words))
    return np.unique(np.lib.stride_tricks.sliding_window_view(digests, ROW) @ _FACTORS)


@lru_cache(maxsize=1 << 17)
def _digest(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest())
