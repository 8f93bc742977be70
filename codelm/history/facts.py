"""What is told of a history that was read: in the manifest, on the console, and to whoever weighs its samples."""

import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.git.commits import Commit, Node
from codelm.git.repository import DropPath, Repository, count_files, read_tree
from codelm.history.analysis import analyse
from codelm.history.filters.selection import Filters
from codelm.history.samples.formats import Kind
from codelm.history.split import Split
from codelm.history.store import Part

Item = TypeVar("Item")


class Progress(Protocol):
    """Shows how far a loop has come."""

    def __call__(self, items: Iterable[Item], total: int, description: str) -> Iterable[Item]:
        """Pass ``items`` on, one by one."""


@dataclass(slots=True)
class History:
    """One repository on its way into a store."""

    repository: Repository
    graph: Sequence[Node]
    parts: Split
    reason: DropPath
    kept: dict[str, int] = field(default_factory=lambda: {"files": 0})
    """Files and commits of which something was kept, by part."""
    authors: set[str] = field(default_factory=set)
    times: list[int] = field(default_factory=list)

    def noting(self, commits: Iterable[Commit]) -> Iterator[Commit]:
        """Pass commits on, noting who wrote them and when."""
        for commit in commits:
            self.authors.add(commit.email)
            self.times.append(commit.time)
            yield commit


def about(commit: Commit, repository: Repository) -> dict[str, Any]:
    """Return what is kept of a commit: what its samples are weighed by."""
    known = {"sha": commit.sha, "repository": repository.name, "time": commit.time}
    return {**known, "author": f"{commit.author} <{commit.email}>", "message": commit.message}


def shallow_notices(repositories: Sequence[Repository]) -> list[str]:
    """Say of each shallow clone that it is one, and how to complete it."""
    return [
        f"{found.path} is a shallow clone: what lies before it is not learned; "
        f"git -C {shlex.quote(found.path)} fetch --unshallow completes it"
        for found in repositories
        if found.shallow
    ]


def analysis_of(history: History, progress: Progress) -> dict[str, Any]:
    """Return what kind of repository this is as it stands at the tip, and who wrote the commits that were read."""
    started = time.perf_counter()
    repository = history.repository
    files = read_tree(repository, repository.tip, lambda path: None, Filters().max_file_bytes)
    found = analyse(
        progress(files, count_files(repository, repository.tip), f"{repository.name}: newest files"),
        commits=len(history.graph),
        commits_read=len(history.times),
        authors=len(history.authors),
        first_time=min(history.times, default=None),
        last_time=max(history.times, default=None),
    )
    return {"name": repository.name, **found, "seconds": time.perf_counter() - started}


def described(history: History) -> dict[str, Any]:
    """Return which history was read, how it was split, and what was kept; counts are of commits, and of files."""
    repository, parts = history.repository, history.parts
    merges = sum(node.is_merge for node in history.graph)
    return {
        "name": repository.name,
        "revision": repository.revision,
        "tip": repository.tip,
        "base": repository.base,
        "reachable": len(history.graph),
        "merges": merges,
        "non_merges": len(history.graph) - merges,
        "split": {
            "kind": "by ancestry",
            "cut": parts.cut,
            "second_cut": parts.second_cut,
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
        "kept": history.kept,
    }


def sums(samples: NDArray[np.void], part: Part) -> dict[str, Any]:
    """Return how many samples, tokens and targets one part holds, and how many samples of each kind."""
    rows = samples[samples["part"] == part]
    return {
        "samples": len(rows),
        "tokens": int(rows["length"].sum()),
        "targets": int(rows["targets"].sum()),
        "kinds": {kind.name.lower(): int((rows["kind"] == kind).sum()) for kind in Kind},
    }
