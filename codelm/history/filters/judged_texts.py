"""Texts in which a filter found nothing, remembered so that it need not look at them again."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from codelm.history.digest_set import DigestSet, digest

__all__ = ["DIGEST_LENGTH", "JudgedTexts"]

_Found = TypeVar("_Found")


DIGEST_LENGTH = 16
"""Bytes of a digest."""


@dataclass(slots=True)
class JudgedTexts:
    """Remembers in which texts a rule found nothing, by digests of their ids.

    Attributes:
        known: Digests of an earlier time.
        passed: Digests of the texts asked for, whether judged now or known.
    """

    known: Container[bytes] = frozenset()
    passed: DigestSet = field(default_factory=partial(DigestSet, DIGEST_LENGTH))

    def judge(self, rule: str, blob: str, find: Callable[[], _Found]) -> _Found | None:
        """Return what a rule finds in a text; None without looking, where it is known to find nothing.

        Args:
            rule: All that decides what is found, beside the text.
            blob: The id of the text; one without is always judged.
            find: Judges the text.
        """
        key = digest(f"{rule}\0{blob}", DIGEST_LENGTH)
        found = None if blob and key in self.known else find()
        if blob and not found:
            self.passed.add(key)
        return found
