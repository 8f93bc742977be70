"""How far a history has moved on since a run read it: what was learned of it, and what there is to learn now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from codelm.errors import InputError
from codelm.git.commits import Node
from codelm.git.repository import Repository, read_graph
from codelm.history.split import CommitSplits, ancestors, heads, split_commits

__all__ = ["Moved", "moved_history"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A history that a run has read, and what has come since; numbers are of commits that are no merges.

    Attributes:
        learned: Ids of the commits that, with all of their ancestors, the run's adapter has learned.
        trained: Commits that the run has trained on and that the adapter which it began with had not learned.
        new: Commits that the run has not read.
        to_learn: Commits that the adapter has not learned and that the split, moved on, gives to training.
        held_out: Commits that the split holds out now; the adapter has learned none of them.
    """

    learned: list[str]
    trained: int
    new: int = 0
    to_learn: int = 0
    held_out: int = 0


def moved_history(
    before: Repository, after: Repository, held_out: tuple[float, float], learned: Sequence[str], cut: str | None
) -> Moved:
    """Return how far a history has moved on.

    Args:
        before: The repository at what the run has read.
        after: The same at what is to be read now.
        held_out: The share that the run held out, and the one that is to be held out now.
        learned: What an adapter had learned that the run began with; empty where it began with a new one.
        cut: The commit at which the run's training ended; None where that adapter was kept, and so no more is learned.

    Raises:
        InputError: What the run has read is no longer part of the history, or too little has come since.
        DamagedDataError: The repository is damaged.
    """
    old, new = read_graph(before), read_graph(after)
    reached = ancestors(old, learned)
    tops = [sha for sha in learned if sha in reached]
    splits = _split(before, old, held_out[0], reached)
    trained = sum(sha not in reached for sha in splits.train)
    if cut is not None:
        tops = list(dict.fromkeys([*heads(old, splits), cut]))  # of an earlier version the split may have been another
        reached = ancestors(old, tops)
    known = {node.sha for node in old}
    if after.tip in known:
        return Moved(tops, trained)
    if before.tip not in {node.sha for node in new}:
        raise InputError(
            f"{after.name}: {before.tip[:10]}, which the run has read, is no ancestor of {after.tip[:10]}: the history "
            "was rewritten, or this is another branch; give the branch with --data.revision, or begin a new run"
        )
    moved = _split(after, new, held_out[1], ancestors(new, tops))
    return Moved(
        tops,
        trained,
        new=sum(not node.is_merge and node.sha not in known for node in new),
        to_learn=sum(sha not in reached for sha in moved.train),
        held_out=len(moved.validation) + len(moved.test),
    )


def _split(repository: Repository, graph: Sequence[Node], held_out: float, learned: Collection[str]) -> CommitSplits:
    """Split a repository's commits; an `InputError` names it."""
    try:
        return split_commits(graph, held_out, learned)
    except InputError as error:
        raise InputError(f"{repository.name}: {error}") from None
