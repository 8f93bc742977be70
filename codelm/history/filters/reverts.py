"""Detection of commits by programs, and of reverts and the commits that they revert."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from codelm.git.commits import Commit

__all__ = ["RevertDetector", "is_bot"]

_BOTS = (
    "allcontributors",
    "bors",
    "dependabot",
    "dependabot-preview",
    "github actions",
    "github-actions",
    "greenkeeper",
    "mergify",
    "pre-commit-ci",
    "release-plz",
    "renovate",
    "rust-log-analyzer",
    "rust-timer",
    "snyk-bot",
)
"""Names, in lower case, of programs that do not end in "bot"."""

_BOT = re.compile(r"(?:^|[-_\[ ])bot\]?$", re.IGNORECASE)
_SHA = re.compile(r"^This reverts commit ([0-9a-f]{7,64})", re.MULTILINE)
_SUBJECT = re.compile(r'^Revert "(.+)"')
_NUMBER = re.compile(r"\s*\(#\d+\)$")


def is_bot(author: str, email: str, other_bots: Collection[str] = ()) -> bool:
    """Return whether a program made the commit, by the author's name or the part of the address before the ``@``.

    >>> is_bot("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"), is_bot("Jo Abbot", "jo@b.org")
    (True, False)
    """
    names = {author.lower(), email.lower().partition("@")[0].rpartition("+")[2]}
    return any(_BOT.search(name) for name in names) or not names.isdisjoint({*_BOTS, *map(str.lower, other_bots)})


@dataclass(slots=True)
class RevertDetector:
    """Finds reverts and the commits they revert, in a stream of commits with the newest first.

    A revert names the commit by its id or, as squashed ones do, by its subject. When a revert is itself reverted, the
    two cancel out and the first commit is kept. A revert whose commit does not follow is still a revert.
    """

    shas: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)

    def is_reverted_or_revert(self, commit: Commit) -> bool:
        """Return whether the commit is half of such a pair, and remember which commit it reverts."""
        if self._is_reverted(commit):
            return True
        shas = _SHA.findall(commit.message)
        subjects = [] if shas else _SUBJECT.findall(commit.message)
        self.shas.update(shas)
        self.subjects.update(map(_without_number, subjects))
        return bool(shas or subjects)

    def _is_reverted(self, commit: Commit) -> bool:
        matching = {sha for sha in self.shas if commit.sha.startswith(sha)}
        subject = _without_number(commit.message.partition("\n")[0])
        found = bool(matching) or subject in self.subjects
        self.shas -= matching
        self.subjects.discard(subject)
        return found


def _without_number(subject: str) -> str:
    return _NUMBER.sub("", subject.strip())
