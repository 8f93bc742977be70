"""Removal of what names people: their e-mail addresses and, by choice, their names."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from codelm.git.commits import Change
from codelm.history.filters.issued_secrets import Secret
from codelm.history.filters.mail_addresses import MAIL_ADDRESS, mail_addresses
from codelm.history.filters.names import NAME, KnownNames, known_names, signed_names
from codelm.history.filters.redaction import redact, redacted_change

__all__ = ["People", "PersonalDetail", "people_of"]

PersonalDetail = Literal["emails", "names"]
"""Something that names people, as `Filters.redact` has it."""

_DEFAULT: tuple[PersonalDetail, ...] = ("emails",)
_WRITTEN = MappingProxyType({MAIL_ADDRESS: "name@example.com", NAME: "Jane Doe"})
"""What is written for each. Code that reads an address or a name still finds one, and RFC 2606 keeps the address free;
it is no detail itself, so that what was replaced once stays as it is."""


@dataclass(frozen=True, slots=True)
class People:
    """Finds details of people in texts, and replaces them.

    Attributes:
        details: Which of them.
        names: Names that are looked for in all text, beside those that stand before an address or in a trailer.
    """

    details: Collection[PersonalDetail] = _DEFAULT
    names: KnownNames = field(default_factory=KnownNames)

    def find(self, text: str) -> list[Secret]:
        """Return the details in a text, in order, none of which overlap."""
        found = list(self._find(text))
        return _merged(sorted(found)) if found else found

    def _find(self, text: str) -> Iterator[Secret]:
        if "emails" in self.details:
            yield from mail_addresses(text)
        if "names" in self.details:
            yield from self.names.find(text)
            yield from signed_names(text)

    def of_text(self, text: str) -> tuple[str, list[Secret]]:
        """Return a text without the details, which has as many lines as before, and those that it had.

        >>> People(["emails", "names"]).of_text("Reviewed-by: Jo Li <jo@li.net>")[0]
        'Reviewed-by: Jane Doe <name@example.com>'
        """
        found = self.find(text)
        return redact(text, found, _WRITTEN) if found else text, found

    def of_change(self, change: Change) -> tuple[Change, list[Secret]]:
        """Return a change whose texts are without the details, and those that they had."""
        after, in_after = self.of_text(change.after or "")
        removed = [self.of_text("".join(hunk.removed)) for hunk in change.hunks]
        found = [*in_after, *(detail for _, details in removed for detail in details)]
        return redacted_change(change, after, [text for text, _ in removed]) if found else change, found


def people_of(details: Collection[PersonalDetail], signatures: Iterable[tuple[Sequence[str], str]] = ()) -> People:
    """Return what finds these details, and the names of those who took part in a history.

    Args:
        details: Which details.
        signatures: Of each commit the names of its author and committer, and its message; asked for only if needed.
    """
    if "names" not in details:
        return People(details)
    return People(details, known_names(_names(signatures)))


def _names(signatures: Iterable[tuple[Sequence[str], str]]) -> Iterator[str]:
    for names, message in signatures:
        yield from names
        yield from (message[each.start : each.end] for each in signed_names(message))


def _merged(details: Sequence[Secret]) -> list[Secret]:
    """Return details in order, those that overlap as one."""
    merged: list[Secret] = []
    for detail in details:
        if merged and detail.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = Secret(last.start, max(detail.end, last.end), last.kind)
        else:
            merged.append(detail)
    return merged
