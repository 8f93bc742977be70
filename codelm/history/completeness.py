"""Histories of which a part cannot be read: shallow and partial clones, missing and damaged objects."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from codelm.errors import DamagedDataError, InputError
from codelm.git.commits import DAMAGED_OBJECT, MISSING_OBJECT, Change, File, Repository
from codelm.git.repository import count_blobs, unreadable_blobs

__all__ = ["Readability", "clone_notices", "has_been_completed", "mostly_missing", "unread_notices", "write_unread"]

_MUCH = 0.1
"""Share of damaged contents from which a history is refused."""
_MOST = 0.5
"""Share of missing contents above which a partial clone is refused."""
_UNREAD_FILE = "unread.txt"
"""File of a store: ids of blobs that could not be read, with a line for each repository."""
_MAX_IDS = 1000
_REMEDY = "run git fsck there, or clone it again"
_FETCH = "git fetch --refetch --no-filter completes a partial clone; others have to be cloned again"
_Item = TypeVar("_Item", Change, File)


@dataclass(slots=True)
class Readability:
    """Counts the contents of files and changes that were asked for, and those of them that could not be read."""

    contents: int = 0
    missing: int = 0
    damaged: int = 0
    blobs: set[str] = field(default_factory=set)
    """Ids of the blobs of what could not be read."""
    attributes: list[str] = field(default_factory=list)
    """Paths of ``.gitattributes`` that could not be read."""

    def counted(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the files or changes, counting them."""
        for item in items:
            unread = item.dropped in (MISSING_OBJECT, DAMAGED_OBJECT)
            self.contents += unread or item.dropped is None
            self.missing += item.dropped == MISSING_OBJECT
            self.damaged += item.dropped == DAMAGED_OBJECT
            if unread:
                self.blobs |= {item.blob} if isinstance(item, File) else {item.old_blob, item.new_blob}
            yield item

    def without_attributes(self, unread: Mapping[str, str]) -> None:
        """Remember the ``.gitattributes`` that could not be read, each with the id of its blob."""
        self.attributes = sorted(unread)
        self.blobs |= set(unread.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, for the facts of a store."""
        names = ("contents", "missing", "damaged", "attributes")
        return {name: getattr(self, name) for name in names}

    def refuse_much_damage(self, repository: Repository) -> None:
        """Raise `DamagedDataError` where a tenth or more of the contents are damaged."""
        if self.damaged and self.damaged >= _MUCH * self.contents:
            raise DamagedDataError(
                f"{repository.path}: {self.damaged:,} of {self.contents:,} file contents are damaged; "
                "run git fsck there, or clone it again"
            )


def clone_notices(repositories: Sequence[Repository]) -> list[str]:
    """Return a notice for each shallow or partial clone, with the command that completes it.

    Raises:
        InputError: Most contents of a partial clone are missing.
    """
    shallow = [
        f"{repository.path} is a shallow clone: what lies before it is not learned; "
        f"git -C {shlex.quote(repository.path)} fetch --unshallow completes it"
        for repository in repositories
        if repository.shallow
    ]
    return shallow + [notice for repository in repositories if (notice := _partial_notice(repository))]


def _partial_notice(repository: Repository) -> str | None:
    if not repository.partial:
        return None
    name = f"{repository.path} is a partial clone ({repository.partial})"
    remedy = f"git -C {shlex.quote(repository.path)} fetch --refetch --no-filter completes it"
    try:
        blobs, missing = count_blobs(repository)
    except DamagedDataError as error:  # folders are missing, too
        raise InputError(f"{name} without all of its folders; {remedy}") from error
    text = f"{name}: {missing:,} of {blobs:,} file contents are missing; {remedy}"
    if missing > _MOST * blobs:
        raise InputError(text)
    return text if missing else None


def unread_notices(histories: Iterable[dict[str, Any]]) -> list[str]:
    """Return a notice for each history with missing or damaged contents or attributes, by its facts."""
    return [f"{history['name']}: {notice}" for history in histories for notice in _unread_notices(**history["read"])]


def _unread_notices(contents: int, missing: int, damaged: int, attributes: Sequence[str]) -> Iterator[str]:
    for count, what, remedy in ((damaged, "damaged", _REMEDY), (missing, "missing", _FETCH)):
        if count:
            yield f"{count:,} of {contents:,} file contents that were asked for are {what} and not learned; {remedy}"
    if attributes:
        yield f"what {', '.join(attributes[:3])} marks is learned, since that cannot be read; {_REMEDY}"


def mostly_missing(histories: Iterable[dict[str, Any]]) -> bool:
    """Return whether most contents of a history are missing, by the facts."""
    return any(history["read"]["missing"] > _MOST * history["read"]["contents"] for history in histories)


def write_unread(folder: Path, repositories: Sequence[Repository], readabilities: Sequence[Readability]) -> None:
    """Write into a store which blobs could not be read; no file if all could."""
    asked = [sorted(readability.blobs)[:_MAX_IDS] for readability in readabilities]
    if any(asked):
        unread = [unreadable_blobs(*each) for each in zip(repositories, asked, strict=True)]
        (folder / _UNREAD_FILE).write_text("".join(" ".join(sorted(ids)) + "\n" for ids in unread))


def has_been_completed(folder: Path, repositories: Sequence[Repository]) -> bool:
    """Return whether contents that could not be read when a store was built can be read now."""
    if not (folder / _UNREAD_FILE).exists():
        return False
    unread = [line.split() for line in (folder / _UNREAD_FILE).read_text("ascii", "replace").splitlines()]
    found = [unreadable_blobs(*each) for each in zip(repositories, unread, strict=False)]
    return list(map(len, found)) != list(map(len, unread))
