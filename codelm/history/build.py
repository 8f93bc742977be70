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
from typing import Any, NamedTuple

from codelm.errors import InputError
from codelm.git.commits import Change, Commit, File, Node
from codelm.git.repository import Repository, count_files, read_commits, read_graph, read_tree
from codelm.history.facts import History, Progress, about, analysis_of, described, sums
from codelm.history.filters.drops import Drops, table, total
from codelm.history.filters.selection import Filters, keep, keep_files, path_filter
from codelm.history.held_out import Record, held_out_change, recording
from codelm.history.samples.formats import Formats, change_samples, file_samples
from codelm.history.split import NearCopies, Split, drop_near_copies, split
from codelm.history.store import Part, StoreWriter
from codelm.history.tokenization.encoding import Encoded, Encoder, MakeSamples, fitted

PARTS = ("files", "train", "validation", "test")
"""What is counted apart."""
VERSION = 5
"""Part of every cache key: raise it when the same history and settings would give other samples or other facts."""
ATTRIBUTES = ".gitattributes"
SHARED = "shared with another repository"
BOUNDARY = "shallow boundary"
BLOCK = 256
"""Changes encoded at a time: enough to keep the tokenizer's threads busy, few enough to keep memory flat."""


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
    histories = [opened(repository, recipe) for repository in repositories]
    with recording(writer.folder) as record:
        miner = Miner(recipe, encoder, writer, record, progress)
        # All training parts first: what one repository holds out may be a copy of what another learns.
        for history in histories:
            miner.add_training(history)
        for history in histories:
            miner.add_held_out(history)
    analysis = [analysis_of(history, progress) for history in histories]
    analysing = sum(found["seconds"] for found in analysis)
    return {
        "analysis": {"seconds": analysing, "repositories": analysis},
        "scrape": {
            "seconds": time.perf_counter() - started - miner.seconds_encoding - analysing,
            "repositories": [described(history) for history in histories],
            "dropped": {name: drops.as_dict() for name, drops in miner.drops.items()},
            "table": table(total(miner.drops.values())),
        },
        "tokenize": {
            "seconds": miner.seconds_encoding,
            "without_targets": miner.without_targets,
            **{part.name.lower(): sums(writer.table, part) for part in Part},
        },
        "commits": miner.commits,
        "paths": list(miner.paths),
    }


def opened(repository: Repository, recipe: Recipe) -> History:
    """Read the graph of a repository and split it."""
    graph = read_graph(repository)
    parts = split_of(repository, graph, recipe.held_out)
    # The marks of today: whoever marks a file as generated means all its past, too.
    tip = repository.tip
    only = read_tree(repository, tip, lambda path: None if path == ATTRIBUTES else "another file", 1 << 20)
    attributes = "".join(file.text or "" for file in only)
    return History(repository, graph, parts, path_filter(recipe.filters, attributes))


def split_of(repository: Repository, graph: Sequence[Node], held_out: float) -> Split:
    """Split a graph; what cannot be split is told with its repository, one of several."""
    try:
        return split(graph, held_out)
    except InputError as error:
        raise InputError(f"{repository.path}: {error}") from None


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
    record: Record
    progress: Progress
    drops: dict[str, Drops] = field(default_factory=lambda: {name: Drops() for name in PARTS})
    commits: list[dict[str, Any]] = field(default_factory=list)
    paths: dict[str, int] = field(default_factory=dict)
    copies: NearCopies = field(default_factory=NearCopies)
    taken: set[str] = field(default_factory=set)
    """Ids of the commits carried over: a fork holds many of those of its origin."""
    without_targets: int = 0
    seconds_encoding: float = 0.0

    def add_training(self, history: History) -> None:
        """Carry over the files as they stood at the cut, and the changes of the commits before it."""
        if self.recipe.formats.whole_files:
            self._add_files(history)
        shas, most = history.parts.train, self.recipe.max_commits
        if most is not None and len(shas) > most:
            self.drops["train"].commits[f"older than the newest {most}"] += len(shas) - most
            shas = shas[:most]
        self._add_commits(history, shas, Part.TRAIN)

    def add_held_out(self, history: History) -> None:
        """Carry over the changes of the commits after the cut, less what is a copy of training."""
        self._add_commits(history, history.parts.validation, Part.VALIDATION)
        self._add_commits(history, history.parts.test, Part.TEST)

    def _add_files(self, history: History) -> None:
        repository, cut = history.repository, history.parts.cut
        files = read_tree(repository, cut, history.reason, self.recipe.filters.max_file_bytes)
        shown = self.progress(files, count_files(repository, cut), f"{repository.name}: files")
        kept = keep_files(shown, self.recipe.filters, self.drops["files"])
        # No message and no author: a file as it stands is weighed by its path alone.
        number = self._number({"sha": cut, "repository": repository.name, "time": None, "author": "", "message": ""})
        self._write(self._file_jobs(history, kept, number))

    def _add_commits(self, history: History, shas: Sequence[str], part: Part) -> None:
        repository, name = history.repository, part.name.lower()
        shas = self._not_taken(self._not_cut_off(shas, repository, name), name)
        commits = read_commits(repository, shas, history.reason, self.recipe.filters.max_file_bytes)
        shown = self.progress(history.noting(commits), len(shas), f"{repository.name}: {name} commits")
        kept = keep(shown, self.recipe.filters, self.drops[name])
        if part != Part.TRAIN:
            kept = drop_near_copies(kept, self.copies, self.drops[name])
        before = len(self.commits)
        self._write(self._change_jobs(repository, kept, part))
        history.kept[name] = len(self.commits) - before

    def _not_cut_off(self, shas: Sequence[str], repository: Repository, name: str) -> Sequence[str]:
        """Leave out the commits at which a shallow clone ends: what they changed cannot be known."""
        whole = [sha for sha in shas if sha not in repository.shallow]
        if len(whole) < len(shas):
            self.drops[name].commits[BOUNDARY] += len(shas) - len(whole)
        return whole

    def _not_taken(self, shas: Sequence[str], name: str) -> list[str]:
        """Take commits, each once: what one repository holds out must not be what another has learned."""
        fresh = [sha for sha in shas if sha not in self.taken]
        if len(fresh) < len(shas):
            self.drops[name].commits[SHARED] += len(shas) - len(fresh)
        self.taken.update(fresh)
        return fresh

    def _file_jobs(self, history: History, files: Iterable[File], commit: int) -> Iterator[Job]:
        for file in files:
            history.kept["files"] += 1
            self.copies.learn(file.text or "")
            make = partial(file_samples, history.repository.name, file, self.recipe.formats, **self._tokenizer)
            yield Job(make, Part.TRAIN, commit, self._path(file.path))

    def _change_jobs(self, repository: Repository, commits: Iterable[Commit], part: Part) -> Iterator[Job]:
        for commit in commits:
            number = self._number(about(commit, repository))
            for change in commit.changes:
                if part == Part.TRAIN:
                    self._learn(change)
                if part == Part.TEST:
                    self.record(held_out_change(change, number))
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

    def _encode(self, block: Sequence[Job]) -> list[list[Encoded]]:
        return fitted([job.samples for job in block], self.encoder, self.recipe.sequence_length)

    def _number(self, commit: dict[str, Any]) -> int:
        self.commits.append(commit)
        return len(self.commits) - 1

    def _path(self, path: str) -> int:
        return self.paths.setdefault(path, len(self.paths))
