"""Filters of commits, files and hunks, with a count of everything left out by its reason.

A commit is dropped whole (empty, by a program, reverted) or loses changes; a change is dropped whole or loses hunks.
Each is kept or counted once, but for what belongs to something that was dropped whole.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache

from codelm.git.commits import Change, Commit, File, Repository
from codelm.git.repository import DropPath
from codelm.history.filters import content
from codelm.history.filters.bots import agent_of, is_bot
from codelm.history.filters.drops import DropCounts, Place
from codelm.history.filters.generated import is_generated
from codelm.history.filters.hunks import DELETED, DUPLICATE, WHITE_SPACE, Novelty
from codelm.history.filters.issued_secrets import Secret
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.filters.paths import UNSPECIFIED, path_matcher
from codelm.history.filters.reverts import RevertDetector
from codelm.history.filters.secrets import SecretScan, find_secrets, kinds_of, redact
from codelm.history.filters.settings import PATTERNS, Filters

__all__ = ["filter_commits", "filter_files", "path_filter"]

_UNMARKED = (UNSPECIFIED, "unset", "false")
"""Values of an attribute with which linguist does not take a file for marked (its lazy_blob.rb)."""
_RENAMED = "renamed only"
_UNCHANGED = "no new content"
_ONLY_DUPLICATES = "only duplicates"


@contextmanager
def path_filter(filters: Filters, repository: Repository | None = None) -> Iterator[DropPath]:
    """Yield a function from a path to the reason why it is left out, None where it is not.

    The attributes of the repository's tip hold for all commits: what is marked as generated now was so before.

    Raises:
        InputError: A setting holds what is no gitignore pattern.
        DamagedDataError: A tree of the tip is missing or broken.
    """
    settings = {f"data.filters.{name}": getattr(filters, name) for name in PATTERNS}
    marks = ("linguist-vendored", "linguist-generated")
    with path_matcher(settings, marks, repository if filters.linguist else None) as match:

        def reason(path: str) -> str | None:
            (ignored, credentials, vendored, locks, generated), (marked_vendored, marked_generated) = match(path)
            if ignored[0] is not None:
                return f"ignored by pattern {ignored[1]}" if ignored[0] else None
            reasons = [
                (credentials[0], f"credentials by pattern {credentials[1]}"),
                (marked_vendored not in _UNMARKED, "linguist-vendored"),
                (marked_vendored == UNSPECIFIED and vendored[0], f"vendored by pattern {vendored[1]}"),
                (marked_generated not in _UNMARKED, "linguist-generated"),
                (marked_generated == UNSPECIFIED and locks[0], f"lock files by pattern {locks[1]}"),
                (marked_generated == UNSPECIFIED and generated[0], f"generated files by pattern {generated[1]}"),
            ]
            return next((text for applies, text in reasons if applies), None)

        yield reason


_CONTENT_FILTERS = ("generated", "max_line", "max_mean_line", "min_letters", "max_data_run", "max_data_share")
"""The settings by which a text is left out or kept, beside those for secrets."""


def _content_reason(path: str, text: str, filters: Filters) -> str | None:
    """Return why a text is left out by its measures, None where it is not; secrets are not searched for."""
    if filters.generated and is_generated(text, path):
        return "generated"
    if content.has_longer_line(text, filters.max_line):
        return f"a line over {filters.max_line} characters"
    if content.mean_line(text) > filters.max_mean_line:
        return f"lines over {filters.max_mean_line:g} characters on average"
    if content.letter_share(text) < filters.min_letters:
        return "too few letters"
    runs = content.data_runs(text)
    if max(runs, default=0) > filters.max_data_run or sum(runs) > filters.max_data_share * len(text):
        return "encoded data"
    return None


def filter_commits(
    commits: Iterable[Commit],
    filters: Filters,
    drops: DropCounts,
    reverts: RevertDetector | None = None,
    judged: JudgedTexts | None = None,
) -> Iterator[Commit]:
    """Yield the commits to learn from, with only the changes, and in these only the hunks, that add text.

    Commits come newest first: of equal hunks the first is kept, and a revert must come before the commit it reverts.
    The text of a change stays whole, so the lines of a dropped hunk can still be context.

    Args:
        commits: The commits, whose reader has left out paths already.
        filters: The settings.
        drops: The counts, added to.
        reverts: Finds reverts in these commits; it may know the history.
        judged: Texts that need not be judged again, added to.
    """
    state = _FilterState(filters, drops, reverts or RevertDetector(), judged or JudgedTexts())
    for commit in commits:
        reason = state.commit_reason(commit)
        state.begin(commit)
        results = [] if reason else [state.filter_change(change) for change in commit.changes]
        reasons = [result for result in results if isinstance(result, str)]
        for change, result in zip(commit.changes, results, strict=False):
            if isinstance(result, str):
                drops.add("files", result, Place(commit.sha, change.path))
        if len(reasons) < len(results):
            changes = tuple(result for result in results if isinstance(result, Change))
            yield replace(commit, changes=changes, message=state.message_without_secrets(commit.message))
        else:
            drops.add("commits", reason or _empty_commit_reason(reasons), Place(commit.sha))


def _empty_commit_reason(reasons: Collection[str]) -> str:
    """Return why a commit is left out whose changes are all left out for these reasons."""
    if _ONLY_DUPLICATES in reasons:
        return _ONLY_DUPLICATES
    if WHITE_SPACE in reasons:
        return WHITE_SPACE
    return "no kept file" if {DELETED, _RENAMED, _UNCHANGED}.isdisjoint(reasons) else "no added lines"


def filter_files(
    files: Iterable[File], filters: Filters, drops: DropCounts, judged: JudgedTexts | None = None
) -> Iterator[File]:
    """Yield the files to learn from; ``drops.files`` counts the others by reason; ``judged`` as in `filter_commits`."""
    state = _FilterState(filters, drops, judged=judged or JudgedTexts())
    for file in files:
        reason = state.file_reason(file)
        if reason:
            drops.add("files", reason, Place("", file.path))
        else:
            yield replace(file, text=state.text_without_secrets(file))


@dataclass(slots=True)
class _FilterState:
    """What is remembered while a stream of commits or files is filtered."""

    filters: Filters
    drops: DropCounts
    reverts: RevertDetector = field(default_factory=RevertDetector)
    judged: JudgedTexts = field(default_factory=JudgedTexts)
    novelty: Novelty = field(init=False)
    secrets: SecretScan = field(init=False)
    commit: str = ""
    """The id of the commit whose changes are filtered; empty for files."""

    def __post_init__(self) -> None:
        self.secrets = SecretScan(self.judged)
        self.novelty = Novelty(self.filters.white_space, self.filters.duplicates)

    def begin(self, commit: Commit) -> None:
        """Go on to the changes of a commit: its message is searched for their credentials, not for older ones."""
        self.commit = commit.sha
        self.secrets.values.clear()

    def commit_reason(self, commit: Commit) -> str | None:
        """Return why a whole commit is left out, whatever its changes hold."""
        if not commit.changes:
            return "empty commit"
        if self.filters.bots and is_bot(commit.author, commit.email, self.filters.bot_names):
            return "bot"
        if self.filters.agents and agent_of(commit.author, commit.email):
            return "agent"
        return "reverted pair" if self.filters.reverts and self.reverts.is_reverted_or_revert(commit) else None

    def filter_change(self, change: Change) -> Change | str:
        """Return a change with the hunks to learn, or why there are none."""
        reason = change.dropped or _nothing_added(change) or self._path_reason(change.path)
        reason = reason or self._judge_content(change.path, change.after or "", change.new_blob)
        if reason:
            return reason
        change, secret_reasons = self._without_secrets(change)
        pairs = zip(secret_reasons, change.hunks, strict=True)
        reasons = [secret or self.novelty.hunk_reason(hunk) for secret, hunk in pairs]
        for hunk, dropped in zip(change.hunks, reasons, strict=True):
            if dropped:
                self.drops.add("hunks", dropped, Place(self.commit, change.path, hunk.new_start + 1))
        hunks = tuple(hunk for hunk, reason in zip(change.hunks, reasons, strict=True) if not reason)
        if hunks:
            return replace(change, hunks=hunks)
        secret = next(filter(None, secret_reasons), None)
        return secret or (_ONLY_DUPLICATES if DUPLICATE in reasons else WHITE_SPACE)

    def file_reason(self, file: File) -> str | None:
        """Return why a whole file is left out."""
        text = file.text or ""
        reason = file.dropped or (None if text.strip() else "empty") or self._path_reason(file.path)
        reason = reason or self._judge_content(file.path, text, file.blob)
        return reason or self.novelty.duplicate_reason("", text)

    def text_without_secrets(self, file: File) -> str:
        """Return the text of a file with its credentials replaced, each counted under its kind."""
        secrets = self.secrets.of_text(file.text or "", file.blob) if self.filters.secrets else []
        return self._redacted(file.text or "", secrets, "secret", file.path)

    def message_without_secrets(self, message: str) -> str:
        """Return a commit's message without credentials, among them all those of the changes just filtered."""
        secrets = find_secrets(message, self.secrets.values) if self.filters.secrets else []
        return self._redacted(message, secrets, "secret in message")

    def _redacted(self, text: str, secrets: Sequence[Secret], reason: str, path: str = "") -> str:
        for secret in secrets:
            line = text.count("\n", 0, secret.start) + 1 if path else None
            self.drops.add("values", f"{reason}: {secret.kind}", Place(self.commit, path, line))
        return redact(text, secrets)

    def _without_secrets(self, change: Change) -> tuple[Change, list[str | None]]:
        """Return a change with its credentials replaced, and why each of its hunks is left out: it adds one."""
        if not self.filters.secrets:
            return change, [None] * len(change.hunks)
        change, others, added = self.secrets.of_change(change)
        for secret in others:
            self.drops.add("values", f"secret: {secret.kind}", Place(self.commit, change.path))
        return change, [f"secret: {kinds_of(secrets)}" if secrets else None for secrets in added]

    def _judge_content(self, path: str, text: str, blob: str) -> str | None:
        limits = [getattr(self.filters, name) for name in _CONTENT_FILTERS]
        rule = f"content {limits} {path}"
        return self.judged.judge(rule, blob, lambda: _content_reason(path, text, self.filters))

    def _path_reason(self, path: str) -> str | None:
        kinds = _secrets_in_path(path) if self.filters.secrets else ""
        return f"secret in path: {kinds}" if kinds else None


def _nothing_added(change: Change) -> str | None:
    if change.after is None or (change.hunks and not any(hunk.added for hunk in change.hunks)):
        return DELETED
    if change.hunks:
        return None
    return _RENAMED if change.status in ("R", "C") else _UNCHANGED


@lru_cache(maxsize=1 << 14)  # a history names the same paths again and again
def _secrets_in_path(path: str) -> str:
    return kinds_of(find_secrets(path))
