"""The draw of a training that goes on from an earlier one: all of what is new, and a share of what was learned."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.history.epochs.importance import Importance
from codelm.history.epochs.sample_weights import sample_weights
from codelm.history.samples.pieces import Kind

__all__ = ["Refresh", "training_draw"]


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class Refresh:
    """What an earlier training has learned of the history, and how much of that is drawn again.

    Attributes:
        learned: Ids of commits which, with all of their ancestors, were learned before: none of them is held out, and
            not all of their samples are drawn. ``codelm refresh`` finds them; empty for a training that begins anew.
        replay: Share of an epoch's samples that were learned before, from 0 to below 1; others in each epoch.
    """

    learned: list[str] = field(default_factory=list)
    replay: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.replay < 1:
            raise InputError(f"data.refresh.replay is {self.replay}: give a share from 0 to below 1, such as 0.3")


def training_draw(
    samples: NDArray[np.void],
    commits: Sequence[dict[str, Any]],
    paths: Sequence[str],
    importance: Importance,
    refresh: Refresh,
) -> tuple[NDArray[np.float64], int]:
    """Return the weight of each training sample, ``[samples]``, and the number of samples that an epoch draws.

    An epoch draws as many as there are; where some were learned before, as many as are new, and of the others so many
    that they are its share of ``replay``. Among the new ones and among the others the weights count as `sample_weights`
    has them.

    Args:
        samples: The training rows of a table of samples (`codelm.history.store.SAMPLE`).
        commits: The commits of the table; of those that were learned before ``learned`` is true.
        paths: The paths of the table.
        importance: The rules of the weights.
        refresh: What was learned before, and how much of it is drawn again.

    Raises:
        InputError: No sample that has a weight is new.
    """
    weights = sample_weights(samples, commits, paths, importance)
    if not refresh.learned:
        return weights, len(weights)
    learned = _were_learned(samples, commits)
    if len(learned) and not weights[~learned].any():
        raise InputError(
            "nothing is new to learn: all that came after data.refresh.learned was left out, for reasons that codelm "
            "inspect lists, or has the weight 0; wait for more, or loosen data.filters or data.importance"
        )
    new = int((~learned).sum())
    again = min(math.ceil(new * refresh.replay / (1 - refresh.replay)), int(np.count_nonzero(weights[learned])))
    return _scaled(weights, ~learned, new) + _scaled(weights, learned, again), new + again


def _were_learned(samples: NDArray[np.void], commits: Sequence[dict[str, Any]]) -> NDArray[np.bool_]:
    """Return which samples were learned before: changes by their commits, whole files if no later commit changed them.

    Shape: ``[samples]``.
    """
    names = np.unique([commit["repository"] for commit in commits], return_inverse=True)[1]
    known = np.array(["learned" in commit for commit in commits])[samples["commit"]]
    files = samples["kind"] == Kind.FILE
    paths = np.stack([names[samples["commit"]], samples["path"]], axis=1)
    changed = {tuple(path) for path in paths[~files & ~known].tolist()}
    unchanged = np.array([tuple(path) not in changed for path in paths.tolist()], dtype=np.bool_)
    return np.where(files, unchanged, known)


def _scaled(weights: NDArray[np.float64], chosen: NDArray[np.bool_], total: int) -> NDArray[np.float64]:
    """Return the weights of chosen samples such that they sum to a total, and 0 for the others, ``[samples]``."""
    kept = np.where(chosen, weights, 0.0)
    return kept * (total / kept.sum()) if kept.any() else kept
