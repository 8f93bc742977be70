"""Commits that say nothing about how people here write: those of programs, and those that were taken back."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from codelm.git.commits import Commit

BOTS = (
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


def is_bot(author: str, email: str, more: Collection[str] = ()) -> bool:
    """Tell whether a program made the commit: by its name, or by what stands before the ``@``; "Abbot" is a person.

    >>> is_bot("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"), is_bot("Jo Abbot", "jo@b.org")
    (True, False)
    """
    names = {author.lower(), email.lower().partition("@")[0].rpartition("+")[2]}
    return any(_BOT.search(name) for name in names) or not names.isdisjoint({*BOTS, *map(str.lower, more)})


@dataclass(slots=True)
class Reverts:
    """Finds reverts and what they took back, in a stream of commits with the newest first.

    A revert names the commit by its id or, as squashed ones do, by its subject. When a revert is itself reverted, the
    two cancel out and the first commit stands. A revert whose commit never comes is still a revert.
    """

    shas: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)

    def pairs(self, commit: Commit) -> bool:
        """Tell whether the commit is one half of a pair, and remember what it takes back."""
        if self._is_taken_back(commit):
            return True
        shas = _SHA.findall(commit.message)
        subjects = [] if shas else _SUBJECT.findall(commit.message)
        self.shas.update(shas)
        self.subjects.update(map(_bare, subjects))
        return bool(shas or subjects)

    def _is_taken_back(self, commit: Commit) -> bool:
        named = {sha for sha in self.shas if commit.sha.startswith(sha)}
        subject = _bare(commit.message.partition("\n")[0])
        found = bool(named) or subject in self.subjects
        self.shas -= named
        self.subjects.discard(subject)
        return found


def _bare(subject: str) -> str:
    return _NUMBER.sub("", subject.strip())
