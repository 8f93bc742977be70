"""What must not be learned of the texts that are: credentials, and what names people; replaced, and counted by kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from codelm.git.commits import Change, File
from codelm.history.filters.drops import DropCounts, Place
from codelm.history.filters.issued_secrets import Secret
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.filters.people import People
from codelm.history.filters.redaction import redact
from codelm.history.filters.secrets import SecretScan, find_secrets, kinds_of
from codelm.history.filters.settings import Filters

__all__ = ["PrivateValues"]

_ONLY_REPLACED = "only what names people"
"""Why a hunk is left out whose two sides are the same once that is replaced."""


@dataclass(slots=True)
class PrivateValues:
    """Replaces credentials, and what names people, in the texts of one commit after another, or of files.

    Attributes:
        filters: The settings.
        drops: The counts, added to.
        judged: Texts that need not be searched for credentials again, added to.
        people: Finds what names people.
        commit: The id of the commit whose changes are filtered; empty for files.
    """

    filters: Filters
    drops: DropCounts
    judged: JudgedTexts
    people: People
    secrets: SecretScan = field(init=False)
    commit: str = ""

    def __post_init__(self) -> None:
        self.secrets = SecretScan(self.judged)

    def begin(self, commit: str) -> None:
        """Go on to the changes of a commit: its message is searched for their credentials, not for older ones."""
        self.commit = commit
        self.secrets.values.clear()

    def place(self, path: str, line: int | None = None) -> Place:
        """Return a place in the commit, whose path does not name people."""
        return Place(self.commit, self.people.of_text(path)[0], line)

    def path_reason(self, path: str) -> str | None:
        """Return why a file is left out for its path: it holds a credential."""
        kinds = _secrets_in_path(path) if self.filters.secrets else ""
        return f"secret in path: {kinds}" if kinds else None

    def of_file(self, file: File) -> File:
        """Return a file that is learned as a whole, without such values."""
        text, path = file.text or "", self._path(file.path)
        if self.filters.secrets:
            secrets = self.secrets.of_text(text, file.blob)
            self._count("secret", secrets, text, path)
            text = redact(text, secrets)
        cleaned, details = self.people.of_text(text)
        self._count("personal", details, text, path)
        return replace(file, path=path, text=cleaned)

    def of_message(self, message: str) -> str:
        """Return a commit's message without such values, among them all credentials of the changes just filtered."""
        if self.filters.secrets:
            secrets = find_secrets(message, self.secrets.values)
            self._count("secret in message", secrets, message)
            message = redact(message, secrets)
        cleaned, details = self.people.of_text(message)
        self._count("personal in message", details, message)
        return cleaned

    def of_change(self, change: Change) -> tuple[Change, list[str | None]]:
        """Return a change without such values, and why each of its hunks is left out: it adds a credential.

        What names people is no reason, unless a hunk changes nothing else.
        """
        change, reasons = self._without_secrets(change)
        path = self._path(change.path)
        change, details = self.people.of_change(change if path == change.path else replace(change, path=path))
        for detail in details:
            self.drops.add("values", f"personal: {detail.kind}", self.place(change.path))
        if not details:
            return change, reasons
        pairs = zip(reasons, change.hunks, strict=True)
        return change, [reason or (_ONLY_REPLACED if hunk.removed == hunk.added else None) for reason, hunk in pairs]

    def _without_secrets(self, change: Change) -> tuple[Change, list[str | None]]:
        if not self.filters.secrets:
            return change, [None] * len(change.hunks)
        change, others, added = self.secrets.of_change(change)
        for secret in others:
            self.drops.add("values", f"secret: {secret.kind}", self.place(change.path))
        return change, [f"secret: {kinds_of(secrets)}" if secrets else None for secrets in added]

    def _path(self, path: str) -> str:
        """Return a path without what names people, each counted under its kind."""
        cleaned, details = self.people.of_text(path)
        self._count("personal in path", details, path, cleaned)
        return cleaned

    def _count(self, reason: str, values: Sequence[Secret], text: str, path: str = "") -> None:
        """Count some values of a text; its path, which names nobody, is given where their lines are to be known."""
        for value in values:
            line = text.count("\n", 0, value.start) + 1 if path else None
            self.drops.add("values", f"{reason}: {value.kind}", Place(self.commit, path, line))


@lru_cache(maxsize=1 << 14)  # a history names the same paths again and again
def _secrets_in_path(path: str) -> str:
    return kinds_of(find_secrets(path))
