"""Filters of commits, files and hunks, with a count of everything left out by its reason.

A commit is dropped whole (empty, by a program, reverted) or loses changes; a change is dropped whole or loses hunks.
Each is kept or counted once, but for what belongs to something that was dropped whole.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from codelm.git.commits import Change, Commit, File, Repository
from codelm.git.repository import DropPath
from codelm.history.filters import content
from codelm.history.filters.bots import agent_of, is_bot
from codelm.history.filters.drops import DropCounts, Place
from codelm.history.filters.generated import is_generated
from codelm.history.filters.hunks import DELETED, DUPLICATE, WHITE_SPACE, Novelty
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.filters.paths import UNSPECIFIED, path_matcher
from codelm.history.filters.people import People, people_of
from codelm.history.filters.private_values import PrivateValues
from codelm.history.filters.reverts import RevertDetector
from codelm.history.filters.settings import PATTERNS, Filters
from codelm.lines import CRLF, with_line_feeds

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
    people: People | None = None,
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
        people: Finds what names people; where it is not given, it knows no names of the history.
    """
    people = people or people_of(filters.redact)
    state = _FilterState(filters, drops, people, reverts or RevertDetector(), judged or JudgedTexts())
    for commit in commits:
        reason = state.commit_reason(commit)
        state.values.begin(commit.sha)
        results = [] if reason else [state.filter_change(change) for change in commit.changes]
        reasons = [result for result in results if isinstance(result, str)]
        for change, result in zip(commit.changes, results, strict=False):
            if isinstance(result, str):
                drops.add("files", result, state.values.place(change.path))
        if len(reasons) < len(results):
            changes = tuple(result for result in results if isinstance(result, Change))
            yield replace(commit, changes=changes, message=state.values.of_message(commit.message))
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
    files: Iterable[File],
    filters: Filters,
    drops: DropCounts,
    judged: JudgedTexts | None = None,
    people: People | None = None,
) -> Iterator[File]:
    """Yield the files to learn from; ``drops.files`` counts the others by reason.

    Args:
        files: The files.
        filters: The settings.
        drops: The counts, added to.
        judged: As in `filter_commits`.
        people: As there.
    """
    state = _FilterState(filters, drops, people or people_of(filters.redact), judged=judged or JudgedTexts())
    for file in files:
        file = replace(file, text=with_line_feeds(file.text)) if file.text else file
        reason = state.file_reason(file)
        if reason:
            drops.add("files", reason, state.values.place(file.path))
        else:
            yield state.values.of_file(file)


@dataclass(slots=True)
class _FilterState:
    """What is remembered while a stream of commits or files is filtered."""

    filters: Filters
    drops: DropCounts
    people: People
    reverts: RevertDetector = field(default_factory=RevertDetector)
    judged: JudgedTexts = field(default_factory=JudgedTexts)
    novelty: Novelty = field(init=False)
    values: PrivateValues = field(init=False)

    def __post_init__(self) -> None:
        self.values = PrivateValues(self.filters, self.drops, self.judged, self.people)
        self.novelty = Novelty(self.filters.white_space, self.filters.duplicates)

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
        change = _with_line_feeds(change)
        reason = change.dropped or _nothing_added(change) or self.values.path_reason(change.path)
        reason = reason or self._judge_content(change.path, change.after or "", change.new_blob)
        if reason:
            return reason
        change, value_reasons = self.values.of_change(change)
        pairs = zip(value_reasons, change.hunks, strict=True)
        reasons = [value or self.novelty.hunk_reason(hunk) for value, hunk in pairs]
        for hunk, dropped in zip(change.hunks, reasons, strict=True):
            if dropped:
                self.drops.add("hunks", dropped, self.values.place(change.path, hunk.new_start + 1))
        if not any(reasons):
            return change
        hunks = tuple(hunk for hunk, reason in zip(change.hunks, reasons, strict=True) if not reason)
        if hunks:
            return replace(change, hunks=hunks)
        value = next(filter(None, value_reasons), None)
        return value or (_ONLY_DUPLICATES if DUPLICATE in reasons else WHITE_SPACE)

    def file_reason(self, file: File) -> str | None:
        """Return why a whole file is left out."""
        text = file.text or ""
        reason = file.dropped or (None if text.strip() else "empty") or self.values.path_reason(file.path)
        reason = reason or self._judge_content(file.path, text, file.blob)
        return reason or self.novelty.duplicate_reason("", text)

    def _judge_content(self, path: str, text: str, blob: str) -> str | None:
        limits = [getattr(self.filters, name) for name in _CONTENT_FILTERS]
        rule = f"content {limits} {path}"
        return self.judged.judge(rule, blob, lambda: _content_reason(path, text, self.filters))


def _with_line_feeds(change: Change) -> Change:
    """Return a change whose lines end with LF: prompts have no other, whatever ends an editor's file has."""
    if CRLF not in (change.after or "") and not any(CRLF in "".join(hunk.removed) for hunk in change.hunks):
        return change
    hunks = [
        replace(each, removed=tuple(map(with_line_feeds, each.removed)), added=tuple(map(with_line_feeds, each.added)))
        for each in change.hunks
    ]
    return replace(change, after=None if change.after is None else with_line_feeds(change.after), hunks=tuple(hunks))


def _nothing_added(change: Change) -> str | None:
    if change.after is None or (change.hunks and not any(hunk.added for hunk in change.hunks)):
        return DELETED
    if change.hunks:
        return None
    return _RENAMED if change.status in ("R", "C") else _UNCHANGED
