"""How many files and commits each rule of `Importance` weighs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.history.epochs.importance import (
    Importance,
    author_of,
    directory_of,
    file_rules_of,
    message_rules_of,
)

__all__ = ["rule_counts"]


def rule_counts(
    samples: NDArray[np.void], commits: Sequence[dict[str, Any]], paths: Sequence[str], importance: Importance
) -> list[dict[str, Any]]:
    """Return each rule with its factor, the files or commits that it weighs, and how many there are of these.

    Args:
        samples: The training rows of a table of samples (`codelm.history.store.SAMPLE`).
        commits: The commits of the table; see `codelm.history.epochs.sample_weights`.
        paths: The paths of the table.
        importance: The rules.
    """
    files = [paths[index] for index in np.unique(samples["path"])]
    changes = [commits[index] for index in np.unique(samples["commit"])]
    weighed: dict[str, Iterable[str | None]] = {
        "file_rules": file_rules_of(files, importance).values(),
        "directories": (directory_of(path, importance) for path in files),
        "message_rules": (words for each in changes for words in message_rules_of(each["message"], importance)),
        "authors": (author_of(each["sha"], each["author"], importance) for each in changes),
    }
    found = []
    for name, rules in weighed.items():
        counts = Counter(rules)
        is_of_files = name in ("file_rules", "directories")
        of = {"what": "files", "of": len(files)} if is_of_files else {"what": "commits", "of": len(changes)}
        factors: dict[str, float] = getattr(importance, name)
        found += [
            {"setting": name, "rule": each, "factor": factors[each], "count": counts[each]} | of for each in factors
        ]
    return found
