"""The histories of repositories, read and filtered: what is learned of them, and a count of all that is dropped."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

from codelm.git.commits import Change, Commit, File
from codelm.git.repository import count_files, read_commits, read_signatures, read_tree
from codelm.history.epochs.importance import author_digests
from codelm.history.facts import History, Progress
from codelm.history.filters.drops import DropCounts
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.filters.near_duplicates import NearDuplicates, drop_near_duplicates
from codelm.history.filters.people import People, people_of
from codelm.history.filters.reverts import RevertDetector
from codelm.history.filters.selection import filter_commits, filter_files
from codelm.history.held_out_changes import HeldOutWriter, held_out_change
from codelm.history.sample_writer import Job
from codelm.history.samples.formats import change_samples, file_samples
from codelm.history.samples.long_lines import TokenCounter
from codelm.history.store import Split
from codelm.history.store_settings import StoreSettings
from codelm.special_tokens import PromptFormat

__all__ = ["HistoryReader"]

_DROP_GROUPS = ("files", "train", "validation", "test")
"""What drops are counted by: files of the training split, and commits of each split."""
_SHARED = "shared with another repository"
"""Dropped, since what one repository holds out must not be what another one trains on."""
_BOUNDARY = "shallow boundary"
"""Dropped, since the changes of the commits at which a shallow clone ends are unknown."""


@dataclass(slots=True)
class HistoryReader:
    """Reads histories, hands on the changes and files to learn, and counts what is dropped.

    Attributes:
        settings: What decides the samples.
        count: Returns the number of tokens of each text.
        prompt_format: The format that samples are written in.
        write: Takes the changes and files of a split, in their order.
        write_held_out: Takes the changes of the test split as text.
        write_commit: Takes each commit of which something was kept, by which its samples are weighted.
        progress: Displays how many files and commits have been read.
        judged: Texts that need not be judged again, added to.
        drops: What was dropped of the files, and of the commits of each split.
        commits: Number of commits that were written.
        paths: The paths of what was kept, each with its index.
    """

    settings: StoreSettings
    count: TokenCounter
    prompt_format: PromptFormat
    write: Callable[[Iterator[Job]], None]
    write_held_out: HeldOutWriter
    write_commit: Callable[[dict[str, Any]], None]
    progress: Progress
    judged: JudgedTexts
    drops: dict[str, DropCounts] = field(default_factory=lambda: {name: DropCounts() for name in _DROP_GROUPS})
    commits: int = 0
    paths: dict[str, int] = field(default_factory=dict)
    near_duplicates: NearDuplicates = field(default_factory=NearDuplicates)
    people: People = field(default_factory=People)
    """Finds what names people, by the settings and by who took part in the histories."""
    used: set[str] = field(default_factory=set)
    """Ids of the commits that are in a split already: a fork holds many of those of the repository it comes from."""

    def read(self, histories: Sequence[History]) -> None:
        """Read all splits of some histories.

        Raises:
            DamagedDataError: A repository is damaged.
        """
        signatures = (read_signatures(history.repository) for history in histories)
        self.people = people_of(self.settings.filters.redact, chain.from_iterable(signatures))
        # All training splits first: what one repository holds out may be a copy of what another one trains on.
        for add in (self._add_training, self._add_held_out):
            for history in histories:
                add(history)
                history.readability.refuse_much_damage(history.repository)

    def _add_training(self, history: History) -> None:
        """Add the files as of the cut, and the changes of the commits before it."""
        if self.settings.formats.whole_files:
            self._add_files(history)
        shas, max_commits = history.splits.train, self.settings.max_commits
        if max_commits is not None and len(shas) > max_commits:
            self.drops["train"].commits[f"older than the newest {max_commits}"] += len(shas) - max_commits
            shas = shas[:max_commits]
        self._add_commits(history, shas, Split.TRAIN)

    def _add_held_out(self, history: History) -> None:
        """Add the changes of the commits after the cut, without near duplicates of training text."""
        self._add_commits(history, history.splits.validation, Split.VALIDATION)
        self._add_commits(history, history.splits.test, Split.TEST)

    def _add_files(self, history: History) -> None:
        repository, cut = history.repository, history.splits.cut
        tree = read_tree(repository, cut, history.drop_path, self.settings.filters.max_file_bytes)
        files = history.readability.counted(tree)
        files_shown = self.progress(files, count_files(repository, cut), f"{repository.name}: files")
        kept = filter_files(files_shown, self.settings.filters, self.drops["files"], self.judged, self.people)
        # No message and no author: the weight of a whole file depends on its path alone.
        commit = self._add_commit(sha=cut, repository=repository.name, time=None, author=[], message="")
        self.write(self._file_jobs(history, kept, commit))

    def _add_commits(self, history: History, shas: Sequence[str], split: Split) -> None:
        repository, name = history.repository, split.name.lower()
        drops, filters = self.drops[name], self.settings.filters
        shas = drops.without_commits(shas, repository.shallow, _BOUNDARY)
        shas = drops.without_commits(shas, self.used, _SHARED)
        self.used.update(shas)
        read = partial(read_commits, repository, drop_path=history.drop_path, max_file_bytes=filters.max_file_bytes)
        commits_shown = self.progress(history.recorded(read(shas)), len(shas), f"{repository.name}: {name} commits")
        reverts = RevertDetector({node.sha: node.parents for node in history.graph}, read)
        kept = filter_commits(commits_shown, filters, drops, reverts, self.judged, self.people)
        if split != Split.TRAIN:
            kept = drop_near_duplicates(kept, self.near_duplicates, drops)
        before = self.commits
        self.write(self._change_jobs(history, kept, split))
        history.kept[name] = self.commits - before

    def _file_jobs(self, history: History, files: Iterable[File], commit: int) -> Iterator[Job]:
        for file in files:
            history.kept["files"] += 1
            self.near_duplicates.add(file.text or "")
            make = partial(file_samples, history.repository.name, file, self.settings.formats, **self._tokenizer)
            decided_by = history.repository.name, file.path
            yield Job(make, file.text or "", decided_by, Split.TRAIN, commit, self._path_index(file.path), None)

    def _change_jobs(self, history: History, commits: Iterable[Commit], split: Split) -> Iterator[Job]:
        repository = history.repository
        # Held-out hunks stay whole: losses can then be compared between runs that train with other cursor rates.
        formats = self.settings.formats if split == Split.TRAIN else replace(self.settings.formats, cursor_rate=0.0)
        formats_as_values = asdict(formats)
        for commit in commits:
            author = author_digests(commit.sha, commit.author, commit.email)
            facts: dict[str, Any] = {"time": commit.time, "author": author, "message": commit.message}
            facts |= {"learned": True} if commit.sha in history.learned else {}
            index = self._add_commit(sha=commit.sha, repository=repository.name, **facts)
            for change in commit.changes:
                self._keep_text(change, index, split)
                arguments = repository.name, commit.sha, change, formats
                make = partial(change_samples, *arguments, seed=self.settings.seed, **self._tokenizer)
                spans = [(hunk.new_start, len(hunk.added)) for hunk in change.hunks]
                decided_by = repository.name, commit.sha, change.path, formats_as_values, spans
                yield Job(make, change.after or "", decided_by, split, index, self._path_index(change.path), spans)

    @property
    def _tokenizer(self) -> dict[str, Any]:
        return {"count": self.count, "prompt_format": self.prompt_format}

    def _keep_text(self, change: Change, commit: int, split: Split) -> None:
        """Remember training text to find its near duplicates; write test text for evaluation."""
        if split == Split.TRAIN:
            for hunk in change.hunks:
                self.near_duplicates.add("".join(hunk.added))
        if split == Split.TEST:
            self.write_held_out(held_out_change(change, commit))

    def _add_commit(self, **facts: Any) -> int:
        """Write what is kept of a commit, by which its samples are weighted; return its index."""
        self.write_commit(facts)
        self.commits += 1
        return self.commits - 1

    def _path_index(self, path: str) -> int:
        return self.paths.setdefault(path, len(self.paths))
