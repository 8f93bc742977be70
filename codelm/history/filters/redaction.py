"""Texts and changes in which values are replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from codelm.git.commits import Change, Hunk
from codelm.history.filters.issued_secrets import Secret
from codelm.lines import lines_of

__all__ = ["REDACTED", "redact", "redacted_change"]

REDACTED = "REDACTED"
"""What is written for a credential."""


def redact(text: str, values: Sequence[Secret], written: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a text with some values replaced; it has as many lines as before.

    Args:
        text: The text.
        values: Where the values stand, in order, none of which overlap.
        written: What is written for a value, by its kind; for others it is ``REDACTED``.

    >>> redact("token = 'abc'", [Secret(9, 12, "npm")])
    "token = 'REDACTED'"
    """
    parts, start = [], 0
    for value in values:
        parts += [text[start : value.start], written.get(value.kind, REDACTED)]
        start = value.end
    return "".join([*parts, text[start:]])


def redacted_change(change: Change, after: str, removed: Sequence[str]) -> Change:
    """Return a change with other texts, which have the same lines but for what is replaced in them.

    Args:
        change: The change.
        after: The whole text after the commit.
        removed: What each hunk removes.
    """
    lines = lines_of(after)
    hunks = tuple(
        replace(hunk, removed=tuple(lines_of(text)), added=_added_lines(lines, hunk))
        for hunk, text in zip(change.hunks, removed, strict=True)
    )
    return replace(change, after=change.after and "".join(lines), hunks=hunks)


def _added_lines(lines: Sequence[str], hunk: Hunk) -> tuple[str, ...]:
    return tuple(lines[hunk.new_start : hunk.new_start + len(hunk.added)])
