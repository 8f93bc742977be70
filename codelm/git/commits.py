"""A repository, its commits, the files they change, the hunks of those changes, and the files of a tree."""

from dataclasses import dataclass

from codelm.lines import lines_of

__all__ = ["DAMAGED_OBJECT", "MISSING_OBJECT", "Change", "Commit", "File", "Hunk", "Node", "Repository"]

MISSING_OBJECT = "missing object"
DAMAGED_OBJECT = "damaged object"
"""Reasons for which a file has no content that the repository itself should have had."""


@dataclass(frozen=True, slots=True)
class Repository:
    """An opened repository and the commits or range to read from it."""

    path: str
    objects: str
    """Folder of the objects, which linked work trees share."""
    object_format: str
    """Hash function of the ids: "sha1" or "sha256"."""
    name: str
    revision: str
    tip: str
    base: str | None
    """Commit at which a range begins: it and its ancestors are left out."""
    shallow: frozenset[str]
    """Commits whose parents were not fetched, so that their changes are unknown."""
    partial: str | None
    """What a partial clone leaves out, as git records it ("blob:none"); None for a repository that is none."""


@dataclass(frozen=True, slots=True)
class Node:
    """One commit in the graph of ancestry."""

    sha: str
    parents: tuple[str, ...]

    @property
    def is_merge(self) -> bool:
        """Whether the commit has more than one parent."""
        return len(self.parents) > 1


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of lines that were replaced by other lines; either side may be empty. Lines keep their line ends.

    ``old_start`` and ``new_start`` count lines from 0: the index of the first line of the run, or where it would stand.
    """

    old_start: int
    new_start: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one file by one commit."""

    path: str
    old_path: str
    status: str
    """Git's letter for it: A added, M modified, D deleted, R renamed, C copied, T type changed."""
    old_blob: str
    new_blob: str
    after: str | None = None
    """The whole text after the commit; None where the file was deleted or the change was dropped."""
    hunks: tuple[Hunk, ...] = ()
    dropped: str | None = None
    """Why the content was not read, if it was not."""

    @property
    def before(self) -> str:
        """The whole text before the commit, rebuilt from the text after it; empty for a new file."""
        lines = lines_of(self.after or "")
        for hunk in reversed(self.hunks):
            lines[hunk.new_start : hunk.new_start + len(hunk.added)] = hunk.removed
        return "".join(lines)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit with its changes; ``time`` is the author's clock, in seconds since 1970, and may be wrong."""

    sha: str
    parents: tuple[str, ...]
    author: str
    email: str
    time: int
    message: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class File:
    """One file of a tree."""

    path: str
    blob: str
    text: str | None = None
    dropped: str | None = None
    """Why the content was not read, if it was not."""
