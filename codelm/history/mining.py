"""The whole river: repositories in, a store of encoded samples out, every loss counted on the way.

    read_graph ─▶ split ─▶ read_tree, read_commits ─▶ keep ─▶ samples ─▶ encode ─▶ store

Training learns the files as they stood at the cut and the changes of the commits before it. Validation and test are
the changes of the commits after it. Merge commits are not diffed: what they bring in is learned from the commits
they merge, so a change made while merging is not seen.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from codelm.history.analysis import analyse
from codelm.history.commits import Change, Commit, File, Node
from codelm.history.drops import Drops, table
from codelm.history.encoding import Encoder, MakeSamples, fitted
from codelm.history.filters import Filters, keep, keep_files, path_filter
from codelm.history.repository import DropPath, Repository, read_commits, read_graph, read_tree
from codelm.history.samples import Formats, Kind, change_samples, file_samples
from codelm.history.split import NearCopies, Split, drop_near_copies, split
from codelm.history.store import Part, StoreWriter

VERSION = 1
"""Part of every cache key: raise it when the same history and settings would give other samples."""
BLOCK = 256
"""Changes encoded at a time: enough to keep the tokenizer's threads busy, few enough to keep memory flat."""

Item = TypeVar("Item")


class Progress(Protocol):
    """Shows how far a loop has come."""

    def __call__(self, items: Iterable[Item], total: int, description: str) -> Iterable[Item]:
        """Pass ``items`` on, one by one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the content of a store, beside the histories and the tokenizer.

    Attributes:
        sequence_length: No sample is longer, in tokens.
        filters: What is left out.
        formats: How samples are written.
        held_out: Share of the newest commits that training does not see.
        max_commits: Learn from the newest so many commits before the cut; None for all.
        seed: Decides which hunks become holes to fill.
    """

    sequence_length: int
    filters: Filters
    formats: Formats
    held_out: float
    max_commits: int | None
    seed: int


def store_key(repositories: Sequence[Repository], recipe: Recipe, fingerprint: str) -> str:
    """Return the name of the store that these histories, this recipe and this tokenizer make: 32 hexadecimal digits.

    Commits are named by their ids, so a rebased branch is another history and a renamed one is not.
    """
    histories = [
        [repository.name, repository.tip, repository.base, sorted(repository.shallow)] for repository in repositories
    ]
    made_of = json.dumps([VERSION, histories, asdict(recipe), fingerprint], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]


def mine(
    repositories: Sequence[Repository], recipe: Recipe, encoder: Encoder, writer: StoreWriter, progress: Progress
) -> dict[str, Any]:
    """Fill ``writer`` from the histories and return the facts: what was read, dropped, split and written."""
    started = time.perf_counter()
    miner = Miner(recipe, encoder, writer, progress)
    histories = [miner.add(repository) for repository in repositories]
    analysing = sum(history["analysis"]["seconds"] for history in histories)
    reading = time.perf_counter() - started - miner.seconds_encoding - analysing
    return {
        "analysis": {"seconds": analysing, "repositories": [history.pop("analysis") for history in histories]},
        "scrape": {
            "seconds": reading,
            "repositories": histories,
            "dropped": miner.drops.as_dict(),
            "table": table(miner.drops),
        },
        "tokenize": {"seconds": miner.seconds_encoding, "without_targets": miner.without_targets, **sums(writer)},
        "commits": miner.commits,
        "paths": list(miner.paths),
    }


class Job(NamedTuple):
    """One change or file on its way to the store."""

    samples: MakeSamples
    part: Part
    commit: int
    path: int


@dataclass(slots=True)
class Miner:
    """Carries histories into a store, and holds what has been counted so far."""

    recipe: Recipe
    encoder: Encoder
    writer: StoreWriter
    progress: Progress
    drops: Drops = field(default_factory=Drops)
    commits: list[dict[str, Any]] = field(default_factory=list)
    paths: dict[str, int] = field(default_factory=dict)
    copies: NearCopies = field(default_factory=NearCopies)
    without_targets: int = 0
    seconds_encoding: float = 0.0

    def add(self, repository: Repository) -> dict[str, Any]:
        """Carry one repository's history over and return what was read of it."""
        graph = read_graph(repository)
        parts = split(graph, self.recipe.held_out)
        analysis = analysis_of(repository, graph)
        reason = path_filter(self.recipe.filters, root_attributes(repository, parts.cut))
        kept_files = self._add_files(repository, parts.cut, reason)
        shas = {Part.TRAIN: self._newest(parts.train), Part.VALIDATION: parts.validation, Part.TEST: parts.test}
        kept = {part.name.lower(): self._add_commits(repository, shas[part], reason, part) for part in Part}
        return {"analysis": analysis, **described(repository, graph, parts), "kept": {"files": kept_files, **kept}}

    def _newest(self, shas: Sequence[str]) -> Sequence[str]:
        most = self.recipe.max_commits
        if most is None or len(shas) <= most:
            return shas
        self.drops.commits[f"older than the newest {most}"] += len(shas) - most
        return shas[:most]

    def _add_files(self, repository: Repository, cut: str, reason: DropPath) -> int:
        if not self.recipe.formats.whole_files:
            return 0
        files = read_tree(repository, cut, reason, self.recipe.filters.max_file_bytes)
        # No message, author or age: a file as it stands is weighed by its path alone.
        number = self._number({"sha": cut, "repository": repository.name, "time": 0, "author": "", "message": ""})
        kept = list(keep_files(files, self.recipe.filters, self.drops))
        self._write(self._file_jobs(repository, self.progress(kept, len(kept), f"{repository.name}: files"), number))
        return len(kept)

    def _add_commits(self, repository: Repository, shas: Sequence[str], reason: DropPath, part: Part) -> int:
        commits = read_commits(repository, shas, reason, self.recipe.filters.max_file_bytes)
        shown = self.progress(commits, len(shas), f"{repository.name}: {part.name.lower()} commits")
        kept = keep(shown, self.recipe.filters, self.drops)
        if part != Part.TRAIN:
            kept = drop_near_copies(kept, self.copies, self.drops)
        before = len(self.commits)
        self._write(self._change_jobs(repository, kept, part))
        return len(self.commits) - before

    def _file_jobs(self, repository: Repository, files: Iterable[File], commit: int) -> Iterator[Job]:
        for file in files:
            self.copies.learn(file.text or "")
            make = partial(file_samples, repository.name, file, self.recipe.formats, **self._tokenizer)
            yield Job(make, Part.TRAIN, commit, self._path(file.path))

    def _change_jobs(self, repository: Repository, commits: Iterable[Commit], part: Part) -> Iterator[Job]:
        for commit in commits:
            number = self._number(about(commit, repository))
            for change in commit.changes:
                if part == Part.TRAIN:
                    self._learn(change)
                names = repository.name, commit.sha, change, self.recipe.formats
                make = partial(change_samples, *names, seed=self.recipe.seed, **self._tokenizer)
                yield Job(make, part, number, self._path(change.path))

    @property
    def _tokenizer(self) -> dict[str, Any]:
        return {"count": self.encoder.count, "special": self.encoder.special}

    def _learn(self, change: Change) -> None:
        for hunk in change.hunks:
            self.copies.learn("".join(hunk.added))

    def _write(self, jobs: Iterator[Job]) -> None:
        while block := list(islice(jobs, BLOCK)):
            started = time.perf_counter()
            for job, samples in zip(block, self._encode(block), strict=True):
                for encoded in samples:
                    written = self.writer.add(encoded, job.part, commit=job.commit, path=job.path)
                    self.without_targets += not written
            self.seconds_encoding += time.perf_counter() - started

    def _encode(self, block: Sequence[Job]) -> list[Any]:
        return fitted([job.samples for job in block], self.encoder, self.recipe.sequence_length)

    def _number(self, commit: dict[str, Any]) -> int:
        self.commits.append(commit)
        return len(self.commits) - 1

    def _path(self, path: str) -> int:
        return self.paths.setdefault(path, len(self.paths))


def about(commit: Commit, repository: Repository) -> dict[str, Any]:
    """Return what is kept of a commit: what its samples are weighed by."""
    author = f"{commit.author} <{commit.email}>"
    return {
        "sha": commit.sha,
        "repository": repository.name,
        "time": commit.time,
        "author": author,
        "message": commit.message,
    }


def analysis_of(repository: Repository, graph: Sequence[Node]) -> dict[str, Any]:
    """Return what kind of repository this is, as it stands at the tip."""
    started = time.perf_counter()
    files = read_tree(repository, repository.tip, lambda path: None, Filters().max_file_bytes)
    found = analyse(files, commits=len(graph))
    return {"name": repository.name, **found, "seconds": time.perf_counter() - started}


def root_attributes(repository: Repository, sha: str) -> str:
    """Return the text of the root ``.gitattributes`` of a commit, empty if it has none."""
    only = read_tree(repository, sha, lambda path: None if path == ".gitattributes" else "another file", 1 << 20)
    return "".join(file.text or "" for file in only)


def described(repository: Repository, graph: Sequence[Node], parts: Split) -> dict[str, Any]:
    """Return which history was read and how it was split; counts are of commits."""
    merges = sum(node.is_merge for node in graph)
    return {
        "name": repository.name,
        "revision": repository.revision,
        "tip": repository.tip,
        "base": repository.base,
        "reachable": len(graph),
        "merges": merges,
        "non_merges": len(graph) - merges,
        "split": {
            "kind": "by ancestry",
            "cut": parts.cut,
            "second_cut": parts.second_cut,
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
    }


def sums(writer: StoreWriter) -> dict[str, Any]:
    """Return samples, tokens and targets by part and kind."""
    table = writer.table
    counted: dict[str, Any] = {}
    for part in Part:
        rows = table[table["part"] == part]
        counted[part.name.lower()] = {
            "samples": len(rows),
            "tokens": int(rows["length"].sum()),
            "targets": int(rows["targets"].sum()),
            "kinds": {kind.name.lower(): int((rows["kind"] == kind).sum()) for kind in Kind},
        }
    return counted
