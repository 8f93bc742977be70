"""Reading the graph, commits and trees of a git repository.

Four plumbing commands suffice, however long the history: ``rev-list`` for the graph, a streaming ``diff-tree`` for what
each commit changed, ``cat-file`` for the contents of files, ``ls-tree`` for the files of one commit. Only the names of
all who took part need a ``log``.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from codelm.errors import DamagedDataError
from codelm.git.blobs import BlobReader, blobs_unread, with_content, with_text
from codelm.git.commits import Commit, File, Node, Repository
from codelm.git.environment import isolated_git
from codelm.git.opening import open_repository
from codelm.git.patches import DropFile, Record
from codelm.git.process import GitEndedError, PipeReader, Process
from codelm.git.records import RecordReader

__all__ = [
    "DropPath",
    "Repository",
    "count_blobs",
    "count_files",
    "open_repository",
    "read_commits",
    "read_graph",
    "read_signatures",
    "read_tree",
    "unreadable_blobs",
]

DropPath = Callable[[str], str | None]
"""Returns why a path is not read, None where it is."""
_NOT_FILES = {"120000": "symlink", "160000": "submodule"}


def read_graph(repository: Repository) -> list[Node]:
    """Return all commits of the revision or range, merges too, parents before children.

    Parents may lie outside the range.

    Raises:
        DamagedDataError: A commit is missing or broken.
    """
    arguments = ["rev-list", "--topo-order", "--reverse", "--parents", repository.tip]
    arguments += [f"^{repository.base}"] if repository.base else []
    with isolated_git(repository, 0) as environment, Process(environment, arguments) as git:
        ids: dict[str, str] = {}  # a commit and its children share one string
        named = ([ids.setdefault(sha, sha) for sha in line.split()] for line in _fields(git.output, b"\n"))
        nodes = [Node(sha, tuple(parents)) for sha, *parents in named]
        _raise_if_failed(git, repository)
    return nodes


def _fields(output: PipeReader, end: bytes) -> Iterator[str]:
    """Yield what stands before each ``end``, decoded from UTF-8, without holding the whole output."""
    with suppress(GitEndedError):
        while output.peek():
            yield output.until(end).decode("utf-8", "replace")


def read_signatures(repository: Repository) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield of each commit that the tip reaches the names of its author and committer, and its message.

    Names are those of the commit, and those that the ``.mailmap`` of the tip has for them.

    Raises:
        DamagedDataError: A commit is missing or broken.
    """
    arguments = ["log", "-z", "--encoding=UTF-8", "--format=%an%x00%aN%x00%cn%x00%cN%x00%B", repository.tip]
    with isolated_git(repository, 0) as environment, Process(environment, arguments) as git:
        fields = _fields(git.output, b"\0")
        while len(commit := tuple(islice(fields, 5))) == 5:
            yield commit[:4], commit[4]
        _raise_if_failed(git, repository)


def _raise_if_failed(git: Process, repository: Repository) -> None:
    message = git.finish()
    if message is not None:
        raise DamagedDataError(f"{repository.path}: git cannot read on: {message}; run git fsck there")


def count_blobs(repository: Repository) -> tuple[int, int]:
    """Return the numbers of blobs in the history of the tip, and of those that are missing; nothing is fetched.

    Raises:
        DamagedDataError: A tree is missing, too.
    """
    # Where a tree is missing, the filter leaves out without a word what it cannot name (git 2.39).
    blobs = _list_objects(repository, "--filter=object:type=blob", "--filter-provided-objects")
    missing = [blob for blob in blobs if blob.startswith(b"?")]
    if len(missing) < sum(line.startswith(b"?") for line in _list_objects(repository)):
        raise DamagedDataError(f"{repository.path}: a tree is missing; run git fsck there")
    return len(blobs), len(missing)


def _list_objects(repository: Repository, *options: str) -> list[bytes]:
    arguments = ["rev-list", "--objects", "--missing=print", *options, repository.tip]
    with isolated_git(repository, 0) as environment, Process(environment, arguments) as git:
        lines = git.output.rest().splitlines()
        _raise_if_failed(git, repository)
    return lines


def unreadable_blobs(repository: Repository, ids: Collection[str]) -> set[str]:
    """Return which of some blobs are missing or damaged."""
    with isolated_git(repository, 0) as environment:
        return set(blobs_unread(environment, ids))


def read_commits(
    repository: Repository, shas: Sequence[str], drop_path: DropPath, max_file_bytes: int
) -> Iterator[Commit]:
    """Yield commits with all of their changes.

    A change of an unwanted path, or without readable text, has no content but a reason in ``dropped``: "symlink",
    "submodule", "binary", "not UTF-8", "LFS pointer", "too large" (before or after), "missing object", "damaged
    object". Merges, and the commits at the boundary of a shallow clone, come without changes: git compares them with
    nothing. A file that replaces a link reads as an addition. Memory holds one or two commits at a time.

    Args:
        repository: The repository.
        shas: Ids of the commits to read, in the order of the result.
        drop_path: Returns why a path is not read.
        max_file_bytes: Size above which a file is not read.

    Raises:
        DamagedDataError: A commit or a tree is missing or broken.
    """
    with (
        isolated_git(repository, max_file_bytes) as environment,
        BlobReader(environment, max_file_bytes) as blobs,
    ):
        records = RecordReader(repository, environment, _drop_file(drop_path)).read(shas)
        for record in _prefetch(records, blobs):
            yield replace(record.commit, changes=tuple(with_content(change, blobs) for change in record.changes))


def _drop_file(drop_path: DropPath) -> DropFile:
    return lambda path, mode: drop_path(path) or _NOT_FILES.get(mode)


def _prefetch(records: Iterable[Record], blobs: BlobReader) -> Iterator[Record]:
    """Yield each record after the blobs of the next are requested, so that git reads them in the meantime."""
    previous: Record | None = None
    for record in records:
        blobs.request(blob for change in record.changes for blob in change.blobs)
        if previous:
            yield previous
        previous = record
    if previous:
        yield previous


def read_tree(repository: Repository, sha: str, drop_path: DropPath, max_file_bytes: int) -> Iterator[File]:
    """Yield every file of the tree of a commit; where the content was not read, ``dropped`` says why.

    Args:
        repository: The repository.
        sha: Id of the commit.
        drop_path: Returns why a path is not read.
        max_file_bytes: Size above which a file is not read.

    Raises:
        DamagedDataError: A tree is missing or broken.
    """
    arguments = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", sha]
    with (
        isolated_git(repository, max_file_bytes) as environment,
        BlobReader(environment, max_file_bytes) as blobs,
        Process(environment, arguments) as git,
    ):
        files = _unread_files(git.output, _drop_file(drop_path))
        while batch := list(islice(files, 100)):
            blobs.request(file.blob for file in batch if file.dropped is None)
            yield from (with_text(file, blobs) for file in batch)
        _raise_if_failed(git, repository)


def count_files(repository: Repository, sha: str) -> int:
    """Return the number of files of the tree of a commit, without reading one."""
    return sum(1 for _ in read_tree(repository, sha, lambda path: "only counted", 0))


def _unread_files(output: PipeReader, drop_file: DropFile) -> Iterator[File]:
    with suppress(GitEndedError):
        while output.peek():
            mode, _, blob = output.until(b"\t").decode().split(" ")
            path = os.fsdecode(output.until(b"\0"))
            yield File(path, blob, dropped=drop_file(path, mode))
