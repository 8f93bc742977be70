"""Detection of reverts and the commits that they revert."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from codelm.git.commits import Commit

__all__ = ["ReadCommits", "RevertDetector"]

ReadCommits = Callable[[Sequence[str]], Iterable[Commit]]
"""Reads commits by their ids."""
_MOST = 0.8
"""Share of the lines of two commits that the later one must undo to be a revert of the earlier one."""

_SHA = re.compile(r"^This reverts commits? ([0-9a-f]{7,64})", re.MULTILINE)
_MERGE = re.compile(
    r"^This reverts commit ([0-9a-f]{7,64}), reversing\s+changes made to ([0-9a-f]{7,64})", re.MULTILINE
)
_TITLE = re.compile(
    r"(?:[\w-]+(?:\([^)]*\))?!?:\s*|\[[^\]]*\]\s*)*"
    r"(?:revert|reapply|re-?land|undo|back(?:ing)?[ -]?out|roll(?:ing)?[ -]?back)",
    re.IGNORECASE,
)
"""The title of a revert, also behind a kind or a part of the project: "fix(api): revert", "[docs] Revert"."""
_ALONE = re.compile(
    r"^This reverts commits? [0-9a-f]{7,64}(?:, reversing\s+changes made to [0-9a-f]{7,64})?\.?$", re.MULTILINE
)
_OTHER_MESSAGE = re.compile(r"^(?:\s*[*-] |Revert \")", re.MULTILINE)
"""Where a squashed pull request quotes the message of one of its commits."""
_SUBJECT = re.compile(r'^Revert "(.+)"')
_NUMBER = re.compile(r"\s*\(#\d+\)$")


@dataclass(slots=True)
class RevertDetector:
    """Finds reverts and the commits they revert, in a stream of commits with the newest first.

    A revert says so in its title or in a paragraph of its own, though not where a squashed pull request quotes the
    message of one: there it must undo the lines of the commit. It names the commit by its id or, as squashed ones do,
    by its subject. With a merge, all commits are reverted that it brought in. When a revert is itself reverted, the two
    cancel out and the first commit is kept. A revert whose commit does not follow is still a revert.

    Attributes:
        parents: Those of each commit of the history, to know what a merge brought in.
        read: Reads the commits that a quoted revert names.
        shas: Ids that reverts have named.
        abbreviated: Those of them that are not whole.
        subjects: Subjects that reverts have named.
    """

    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    read: ReadCommits = lambda shas: ()
    shas: set[str] = field(default_factory=set)
    abbreviated: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)

    def is_reverted_or_revert(self, commit: Commit) -> bool:
        """Return whether the commit is half of such a pair, and remember which commit it reverts."""
        if self._is_reverted(commit):
            return True
        if not _says_revert(commit.message):
            undone = self._undone(commit)
            self.shas.update(undone)
            return bool(undone)
        shas = _SHA.findall(commit.message)
        for merge, before in _MERGE.findall(commit.message):
            self.shas |= self._ancestors(merge) - self._ancestors(before)
        subjects = [] if shas else _SUBJECT.findall(commit.message)
        self.shas.update(shas)
        self.abbreviated.update(sha for sha in shas if len(sha) < len(commit.sha))
        self.subjects.update(map(_without_number, subjects))
        return bool(shas or subjects)

    def _is_reverted(self, commit: Commit) -> bool:
        matching = {commit.sha} & self.shas or {sha for sha in self.abbreviated if commit.sha.startswith(sha)}
        subject = _without_number(commit.message.partition("\n")[0])
        found = bool(matching) or subject in self.subjects
        self.shas -= matching
        self.abbreviated -= matching
        self.subjects.discard(subject)
        return found

    def _undone(self, commit: Commit) -> list[str]:
        """Return those commits whose reverts the message quotes and whose lines the commit undoes."""
        names = tuple(_SHA.findall(commit.message))
        quoted = [sha for sha in self.parents if sha.startswith(names)] if names else []
        return [other.sha for other in self.read(quoted) if _undoes(commit, other)] if quoted else []

    def _ancestors(self, name: str) -> set[str]:
        """Return a commit, by its id or the beginning of that, and all its ancestors."""
        found: set[str] = set()
        waiting = [name] if name in self.parents else [sha for sha in self.parents if sha.startswith(name)]
        while waiting:
            sha = waiting.pop()
            if sha in self.parents and sha not in found:
                found.add(sha)
                waiting.extend(self.parents[sha])
        return found


def _says_revert(message: str) -> bool:
    title, _, body = message.partition("\n")
    if _TITLE.match(title) or _ALONE.match(title):
        return True
    found = _ALONE.search(body)
    return found is not None and not _OTHER_MESSAGE.search(body[: found.start()])


def _undoes(later: Commit, earlier: Commit) -> bool:
    """Return whether two commits change the same lines for the most part, the later one the other way round."""
    removed, added = _lines(later)
    made, replaced = reversed(_lines(earlier))
    undone = (removed & made).total() + (added & replaced).total()
    lines = max(removed.total() + added.total(), made.total() + replaced.total())
    return undone > 0 and undone >= _MOST * lines


def _lines(commit: Commit) -> tuple[Counter[str], Counter[str]]:
    """Return the lines that a commit removes and those that it adds, each with how often it does."""
    hunks = [hunk for change in commit.changes for hunk in change.hunks]
    return Counter(line for hunk in hunks for line in hunk.removed), Counter(
        line for hunk in hunks for line in hunk.added
    )


def _without_number(subject: str) -> str:
    return _NUMBER.sub("", subject.strip())
