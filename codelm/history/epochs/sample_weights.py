"""How often each training sample is drawn, by the rules of `Importance`."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.history.epochs.importance import Importance, author_factor, commit_cap, file_factors, sample_weight
from codelm.history.samples.pieces import Kind

__all__ = ["sample_weights"]


def sample_weights(
    samples: NDArray[np.void], commits: Sequence[dict[str, Any]], paths: Sequence[str], importance: Importance
) -> NDArray[np.float64]:
    """Return the weight of each training sample, ``[samples]``: the product of its rules and the cap on its commit.

    Args:
        samples: The training rows of a table of samples (`codelm.history.store.SAMPLE`).
        commits: The commits of the table, each with ``repository``, ``sha``, ``time``, ``message``, and as ``author``
            the `author_digests`.
        paths: The paths of the table.
        importance: The rules.
    """
    changes, inverse = np.unique(samples[["commit", "path"]], return_inverse=True)
    now = _newest_time(commits[index] for index in np.unique(samples["commit"]))
    factors = file_factors([paths[index] for index in np.unique(samples["path"])], importance)
    weights = []
    for change in changes:
        commit, path = commits[change["commit"]], paths[change["path"]]
        when = now if commit["time"] is None else commit["time"]
        facts = commit["message"], author_factor(commit["sha"], commit["author"], importance), when, now
        weights.append(sample_weight(path, factors[path], *facts, importance))
    tokens = np.bincount(samples["commit"], weights=samples["targets"], minlength=1)
    caps = commit_cap(tokens, importance.max_commit_tokens)[samples["commit"]]
    return np.array(weights)[inverse] * np.where(samples["kind"] == Kind.FILE, importance.whole_files, caps)


def _newest_time(commits: Iterable[dict[str, Any]]) -> int:
    """Return when the newest of the repositories' newest commits was written, in Unix seconds; 0 for no commit."""
    newest: dict[str, int] = {}  # the first of each by ancestry: a date in the future would make all others look old
    for commit in commits:
        if commit["time"] is not None:
            newest.setdefault(commit["repository"], commit["time"])
    return max(newest.values(), default=0)
