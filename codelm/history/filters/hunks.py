"""Hunks and files that add nothing new: deletions, changes of white space, duplicates."""

from dataclasses import dataclass, field
from functools import partial

from codelm.git.commits import Hunk
from codelm.history.digest_set import DigestSet, digest

__all__ = ["DELETED", "DUPLICATE", "WHITE_SPACE", "Novelty"]

DELETED = "deleted"
DUPLICATE = "duplicate"
WHITE_SPACE = "white space only"

_LENGTH = 8
"""Bytes of a digest."""


@dataclass(slots=True)
class Novelty:
    """Tells what is new in a stream of hunks or files, of equal ones the first.

    Attributes:
        white_space: Whether a change of white space alone is nothing new.
        duplicates: Whether a duplicate is nothing new.
        seen: Digests of the hunks and files that were.
    """

    white_space: bool
    duplicates: bool
    seen: DigestSet = field(default_factory=partial(DigestSet, _LENGTH))

    def hunk_reason(self, hunk: Hunk) -> str | None:
        """Return why a hunk adds nothing new, None where it does."""
        if not hunk.added:
            return DELETED
        removed, added = "".join(hunk.removed), "".join(hunk.added)
        if self.white_space and _without_space(removed) == _without_space(added):
            return WHITE_SPACE
        return self.duplicate_reason(removed, added)

    def duplicate_reason(self, removed: str, added: str) -> str | None:
        """Return why a text is left out that replaces another: the same was there before."""
        if not self.duplicates:
            return None
        found = _digest(removed, added)
        if found in self.seen:
            return DUPLICATE
        self.seen.add(found)
        return None


def _without_space(text: str) -> str:
    """Return a text without white space; a byte order mark is one, too."""
    return "".join(text.split()).replace("\ufeff", "")


def _digest(removed: str, added: str) -> bytes:
    """Return a digest of the texts that does not depend on their white space."""
    text = " ".join(removed.split()) + "\0" + " ".join(added.split())
    return digest(text, _LENGTH)
