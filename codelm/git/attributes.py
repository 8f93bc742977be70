"""Attributes of paths, as git itself reads them from ``.gitattributes`` and from lines of ours."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from codelm.errors import DamagedDataError, ResourceError
from codelm.git.blobs import BlobReader, blobs_unread
from codelm.git.commits import Repository
from codelm.git.environment import isolated_git, run_git
from codelm.git.process import GitEndedError, Process

__all__ = ["attribute_reader", "unread_attributes"]

_FILE = ".gitattributes"
_MAX_FILE_BYTES = 100 << 20
"""Git reads no larger one."""


@contextmanager
def attribute_reader(
    names: Sequence[str], lines: Iterable[str] = (), repository: Repository | None = None
) -> Iterator[Callable[[str], list[str]]]:
    """Yield a function that returns the values of some attributes of a path.

    Values are those of ``git check-attr``: "set", "unset", "unspecified", or the text that a file assigns.

    Args:
        names: The attributes.
        lines: Lines as of a ``.gitattributes`` at the root that come after all others.
        repository: Its tip's ``.gitattributes`` count as well, but for `unread_attributes`.

    Raises:
        DamagedDataError: A tree of the tip is missing or broken.
    """
    with isolated_git(repository, 0) as environment:
        own, work_tree = (Path(environment["GIT_DIR"], name) for name in ("info", "work-tree"))
        own.mkdir()
        (own / "attributes").write_bytes(os.fsencode("".join(lines)))
        work_tree.mkdir()
        if repository:
            _write_files(repository, environment, work_tree)
        arguments = ["check-attr", "-z", "--stdin", *names]
        with Process({**environment, "GIT_WORK_TREE": str(work_tree)}, arguments) as git:

            @cache  # a history names the same paths again and again
            def values(path: str) -> list[str]:
                git.write(os.fsencode("/".join(_parts(path)) or "-") + b"\0")
                try:
                    answers = [[git.output.until(b"\0") for _ in range(3)] for _ in names]
                except GitEndedError:
                    raise ResourceError(f"git ended where it reads attributes: {git.finish()}; run again") from None
                return [os.fsdecode(value) for _, _, value in answers]

            yield values


def unread_attributes(repository: Repository) -> dict[str, str]:
    """Return the ``.gitattributes`` of the tip that are missing or damaged, each with the id of its blob.

    Raises:
        DamagedDataError: A tree of the tip is missing or broken.
    """
    with isolated_git(repository, 0) as environment:
        files = _files(repository, environment)
        unread = blobs_unread(environment, set(files.values()))
    return {path: blob for path, blob in files.items() if blob in unread}


def _parts(path: str) -> list[str]:
    """Return the parts of a path; a hostile tree may hold such as lead out of it, which git refuses."""
    return [part for part in path.split("/") if part not in ("", ".", "..")]


def _files(repository: Repository, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the ``.gitattributes`` of the tip, each with the id of its blob; git follows no link."""
    listed = run_git(["git", "ls-tree", "-r", "-z", "--full-tree", repository.tip], environment)
    if listed.status:
        raise DamagedDataError(f"{repository.path}: git cannot read on: {listed.stderr}; run git fsck there")
    entries = [entry.partition("\t") for entry in listed.stdout.split("\0")]
    found = {path: facts.split(" ") for facts, _, path in entries if path.rpartition("/")[2] == _FILE}
    return {path: blob for path, (mode, _, blob) in found.items() if mode.startswith("100")}


def _write_files(repository: Repository, environment: Mapping[str, str], work_tree: Path) -> None:
    # From an index instead, git 2.39 reads a file's byte order mark as a part of its first pattern.
    files = _files(repository, environment)
    with BlobReader(environment, _MAX_FILE_BYTES) as blobs:
        blobs.request(files.values())
        for path in files:
            content = blobs.take()
            if isinstance(content, bytes):
                file = work_tree.joinpath(*_parts(path))
                with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):  # a hostile tree, once more
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
