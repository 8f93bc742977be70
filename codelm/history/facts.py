"""An opened history, and the facts of it for the manifest, the console, and the weights of its samples."""

import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.git.attributes import unread_attributes
from codelm.git.commits import Commit, File, Node
from codelm.git.repository import DropPath, Repository, count_files, read_graph, read_tree
from codelm.history.analysis import analyse, language
from codelm.history.completeness import Readability
from codelm.history.filters.bots import agent_of, co_authoring_agents
from codelm.history.filters.generated import is_generated
from codelm.history.filters.selection import path_filter
from codelm.history.filters.settings import Filters
from codelm.history.samples.pieces import Kind
from codelm.history.split import CommitSplits, ancestors, split_commits
from codelm.history.store import Split

__all__ = ["History", "Progress", "analysis_facts", "history_facts", "open_histories", "split_totals", "tip_languages"]

_Item = TypeVar("_Item")


class Progress(Protocol):
    """Displays the progress of a loop."""

    def __call__(self, items: Iterable[_Item], total: int, description: str) -> Iterable[_Item]:
        """Yield ``items``, ``total`` in number, one by one."""


@dataclass(slots=True)
class History:
    """A repository with its graph, its splits, and what has been read of it so far."""

    repository: Repository
    graph: Sequence[Node]
    splits: CommitSplits
    drop_path: DropPath
    kept: dict[str, int] = field(default_factory=lambda: {"files": 0})
    """Number of files, and of commits by split, of which something was kept."""
    authors: set[str] = field(default_factory=set)
    times: list[int] = field(default_factory=list)
    agents: Counter[str] = field(default_factory=Counter)
    """Number of commits by agents that write code for people, by their names."""
    co_authors: Counter[str] = field(default_factory=Counter)
    """Number of other commits of which agents are co-authors, by their names."""
    changed_lines: Counter[str] = field(default_factory=Counter)
    """Number of lines added or removed in each language, of files that were read."""
    readability: Readability = field(default_factory=Readability)
    learned: Collection[str] = frozenset()
    """Ids of the commits that an earlier training has learned."""

    def recorded(self, commits: Iterable[Commit]) -> Iterator[Commit]:
        """Yield the commits, recording their authors and times, the lines they change, and what could be read."""
        for commit in commits:
            deque(self.readability.counted(commit.changes), maxlen=0)
            self.authors.add(commit.email)
            self.times.append(commit.time)
            for change in commit.changes:
                lines = sum(len(hunk.added) + len(hunk.removed) for hunk in change.hunks)
                self.changed_lines[language(change.path)] += lines
            if agent := agent_of(commit.author, commit.email):
                self.agents[agent] += 1
            else:
                self.co_authors.update(co_authoring_agents(commit.message))
            yield commit


@contextmanager
def _open_history(
    repository: Repository, filters: Filters, held_out: float, learned: Sequence[str]
) -> Iterator[History]:
    """Read the graph of a repository and split it; `InputError` if it cannot be split."""
    graph = read_graph(repository)
    known = ancestors(graph, learned)
    try:
        splits = split_commits(graph, held_out, known)
    except InputError as error:
        raise InputError(f"{repository.path}: {error}") from None
    with path_filter(filters, repository) as drop_path:
        history = History(repository, graph, splits, drop_path, learned=known)
        history.readability.without_attributes(unread_attributes(repository) if filters.linguist else {})
        yield history


@contextmanager
def open_histories(
    repositories: Sequence[Repository], filters: Filters, held_out: float, learned: Sequence[str] = ()
) -> Iterator[list[History]]:
    """Read the graphs of repositories and split each.

    Args:
        repositories: The opened repositories.
        filters: What is left out.
        held_out: Share of the newest commits that training does not see.
        learned: Ids of commits that an earlier training has learned, with all of their ancestors.

    Raises:
        InputError: A history cannot be split, or a commit that was learned is in none of them.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(_open_history(each, filters, held_out, learned)) for each in repositories]
        for sha in learned:
            if not any(sha in history.learned for history in opened):
                raise InputError(f"data.refresh.learned: {sha} is in none of the histories; give a commit of theirs")
        yield opened


def analysis_facts(history: History, progress: Progress) -> dict[str, Any]:
    """Return the summary of a repository's files at its tip and of the commits that were read.

    As GitHub does, it leaves out what is vendored or generated: it says little about what people write there.
    """
    started = time.perf_counter()
    repository = history.repository
    files = read_tree(repository, repository.tip, history.drop_path, Filters().max_file_bytes)
    files_shown = progress(files, count_files(repository, repository.tip), f"{repository.name}: newest files")
    written = (file for file in files_shown if not is_generated(file.text or "", file.path))
    summary = analyse(written, len(history.graph), len(history.authors), history.times)
    return {"name": repository.name, **summary, "seconds": time.perf_counter() - started}


def tip_languages(repositories: Sequence[Repository]) -> dict[str, Any]:
    """Return the share of Rust in the code of the newest files, and the configuration that fits them.

    Several repositories are taken together. The paths are those that the default filters leave.
    """
    summary = analyse(chain.from_iterable(map(_written_files, repositories)), 0, 0, [])
    return {name: summary[name] for name in ("rust_share_of_code", "recommended_config")}


def _written_files(repository: Repository) -> Iterator[File]:
    with path_filter(Filters(), repository) as drop_path:
        files = read_tree(repository, repository.tip, drop_path, Filters().max_file_bytes)
        yield from (file for file in files if not is_generated(file.text or "", file.path))


def history_facts(history: History) -> dict[str, Any]:
    """Return which history was read, how it was split, and how many commits and files were kept."""
    repository, splits = history.repository, history.splits
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
            "cut": splits.cut,
            "second_cut": splits.second_cut,
            "within_branch": splits.within_branch,
            "notice": splits.notice,
            "train": len(splits.train),
            "validation": len(splits.validation),
            "test": len(splits.test),
        },
        "kept": history.kept,
        "agents": dict(history.agents.most_common()),
        "agents_as_co_authors": dict(history.co_authors.most_common()),
        "read": history.readability.as_dict(),
    }


def split_totals(samples: NDArray[np.void], split: Split) -> dict[str, Any]:
    """Return the numbers of samples, tokens and targets of a split, and of samples of each kind."""
    rows = samples[samples["split"] == split]
    return {
        "samples": len(rows),
        "tokens": int(rows["length"].sum()),
        "targets": int(rows["targets"].sum()),
        "kinds": {kind.name.lower(): int((rows["kind"] == kind).sum()) for kind in Kind},
    }
