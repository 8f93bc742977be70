"""Reading commits with the contents of the files that they changed.

The readers still differ: GitPython and PyDriller also read binary files and files above 1 MB, which codelm skips;
GitPython leaves the hunks unread, which codelm parses; git alone writes patches and no contents.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from tempfile import TemporaryFile
from typing import Any

__all__ = ["read_with_codelm", "read_with_git", "read_with_gitpython", "read_with_pydriller"]

_PATCHES = ("diff-tree", "--stdin", "-r", "--root", "-p", "-U0", "-M50%", "--no-ext-diff", "--no-textconv")
_READ_AT_ONCE = 1 << 20


def read_with_codelm(repository: str, tip: str, newest: int | None) -> dict[str, Any]:
    """Read commits with their hunks and the contents of the changed files."""
    from codelm.git.repository import open_repository, read_commits

    def read(shas: Sequence[str]) -> int:
        commits = read_commits(open_repository(repository), shas, lambda path: None, 1_000_000)
        return sum(len((change.after or "").encode()) for commit in commits for change in commit.changes)

    return _timed(read, repository, tip, newest)


def read_with_gitpython(repository: str, tip: str, newest: int | None) -> dict[str, Any]:
    """Do the same with GitPython: a process for each diff."""
    from git import NULL_TREE, Repo

    def read(shas: Sequence[str]) -> int:
        opened, size = Repo(repository), 0
        for commit in map(opened.commit, shas):
            if commit.parents:
                diffs = commit.diff(commit.parents[0], create_patch=True, unified=0, R=True)
            else:
                diffs = commit.diff(NULL_TREE, create_patch=True, unified=0)
            size += sum(len(diff.b_blob.data_stream.read()) for diff in diffs if diff.b_blob)
        return size

    return _timed(read, repository, tip, newest)


def read_with_pydriller(repository: str, tip: str, newest: int | None) -> dict[str, Any]:
    """Do the same with PyDriller, which reads diffs and contents when they are asked for."""
    from pydriller import Repository

    def read(shas: Sequence[str]) -> int:
        commits = Repository(repository, only_commits=list(shas)).traverse_commits()
        files = (file for commit in commits for file in commit.modified_files)
        return sum(len((file.source_code or "").encode()) for file in files if file.diff is not None)

    return _timed(read, repository, tip, newest)


def read_with_git(repository: str, tip: str, newest: int | None) -> dict[str, Any]:
    """Read what git writes as the patches of the commits, and nothing else."""

    def read(shas: Sequence[str]) -> int:
        size = 0
        command = ["git", "-C", repository, *_PATCHES]
        with TemporaryFile() as names:  # in a pipe, git would wait to be read before it has read all of them
            names.write("".join(f"{sha}\n" for sha in shas).encode())
            names.seek(0)
            with subprocess.Popen(command, stdin=names, stdout=subprocess.PIPE, bufsize=0) as git:
                assert git.stdout
                while part := git.stdout.read(_READ_AT_ONCE):
                    size += len(part)
        return size

    return _timed(read, repository, tip, newest)


def _timed(read: Callable[[Sequence[str]], int], repository: str, tip: str, newest: int | None) -> dict[str, Any]:
    """Return how long it takes to read commits, and how many bytes were found.

    Args:
        read: Reads commits by their ids.
        repository: The repository's folder.
        tip: The newest commit.
        newest: How many commits that are not merges; None for all.
    """
    command = ["git", "-C", repository, "rev-list", "--topo-order", "--no-merges", "--end-of-options", tip]
    shas = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[:newest]
    began = time.monotonic()
    found = read(shas[::-1])
    return {"seconds": time.monotonic() - began, "bytes": found}
