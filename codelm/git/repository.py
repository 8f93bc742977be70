"""Opening a git repository and reading its history: the only way from git's objects to our words.

Four plumbing commands do everything, however long the history: ``rev-list`` for the graph, a streaming ``diff-tree``
for what each commit changed, ``cat-file`` for what the files then held, ``ls-tree`` for all files of one commit.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path

from codelm.errors import DamagedDataError, InputError
from codelm.git.blobs import Blobs, Unreadable, content_of, text_of
from codelm.git.commits import Change, Commit, File, Hunk, Node
from codelm.git.environment import keyhole, run
from codelm.git.opening import cut_off, fact, name_of, open_with_gitpython, resolve
from codelm.git.patches import HEADER, Draft, Entry, Judge, Record, hunks_of, is_binary, read_record
from codelm.git.process import Ended, Process, Reader

DropPath = Callable[[str], str | None]
"""Says why a path is not wanted, or None."""
WITH_HEADERS = ["diff-tree", "--stdin", "-z", "--always", "--encoding=UTF-8", f"--format={HEADER}"]
WITH_ENTRIES = [*WITH_HEADERS, "-r", "--root", "--raw", "--no-abbrev"]
WITH_PATCHES = [*WITH_ENTRIES, "-p", "-U0", "-M50%", "-l1000", "--full-index", "--no-ext-diff", "--no-textconv"]
WITH_PATCHES += ["--no-color", "--diff-algorithm=histogram", "--indent-heuristic", "--inter-hunk-context=0"]
NOT_FILES = {"120000": "symlink", "160000": "submodule"}


@dataclass(frozen=True, slots=True)
class Repository:
    """What has to be known of a repository before its first object is read."""

    path: str
    objects: str
    """The folder with the objects, which linked work trees share."""
    object_format: str
    name: str
    revision: str
    tip: str
    base: str | None
    """Where a range begins; its ancestors are not part of the history."""
    shallow: frozenset[str]
    """Commits whose parents were not fetched: what they changed cannot be known."""


def open_repository(path: str | Path, revision: str = "HEAD") -> Repository:
    """Find the repository that holds ``path`` and what ``revision`` names: a commit, or a range ``A..B``.

    Raises:
        InputError: there is no such folder, repository or revision, or git does not trust the folder.
        DamagedDataError: the revision names an object that is missing or broken.
        ResourceError: git is not installed.
    """
    if not str(path).strip():  # abspath would make it the folder we are in: a shell's empty variable, learned from
        raise InputError("the repository's folder has an empty name; give a folder, or . for this one")
    folder = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(folder):
        raise InputError(f"{path}: no such folder; give the folder of a git repository")
    open_with_gitpython(folder)
    common = os.path.normpath(os.path.join(folder, fact(folder, "--git-common-dir")))
    tip, base = resolve(folder, revision)
    return Repository(
        path=folder,
        objects=os.path.join(common, "objects"),
        object_format=fact(folder, "--show-object-format"),
        name=name_of(common),
        revision=revision,
        tip=tip,
        base=base,
        shallow=cut_off(Path(common, "shallow")),
    )


def read_graph(repository: Repository) -> list[Node]:
    """Return all commits of the revision or range, merges too, parents before children.

    The parents named may lie outside the range.

    Raises:
        DamagedDataError: a commit is missing or broken.
    """
    words = ["rev-list", "--topo-order", "--reverse", "--parents", repository.tip]
    words += [f"^{repository.base}"] if repository.base else []
    with _keyhole(repository, 0) as view, Process(view, words) as git:
        lines = git.out.rest().decode().splitlines()
        _demand(git.finish(), repository)
    return [Node(sha, tuple(parents)) for sha, *parents in map(str.split, lines)]


def _keyhole(repository: Repository, max_file_bytes: int) -> AbstractContextManager[dict[str, str]]:
    found = repository
    return keyhole(found.objects, found.object_format, found.tip, found.shallow, max_file_bytes)


def _demand(complaint: str | None, repository: Repository) -> None:
    if complaint is not None:
        raise DamagedDataError(f"{repository.path}: git cannot read on: {complaint}; run git fsck there")


def read_commits(
    repository: Repository, shas: Sequence[str], drop_path: DropPath, max_file_bytes: int
) -> Iterator[Commit]:
    """Yield the commits, in the order of ``shas``, each with all of its changes.

    A change whose path `drop_path` objects to, or whose content is no readable text, carries the reason in ``dropped``
    and no content: "symlink", "submodule", "binary", "not UTF-8", "LFS pointer", "too large" (more than
    ``max_file_bytes``, before or after), "missing object". Git compares no merges, and at the boundary of a shallow
    clone there is nothing to compare with: such commits come without changes. A file that takes the place of a link
    reads as an addition. Memory holds a commit or two at a time.

    Raises:
        DamagedDataError: a commit or a tree is missing or broken.
    """

    def judge(entry: Entry) -> str | None:
        mode = entry.old_mode if entry.status == "D" else entry.new_mode
        return drop_path(entry.path) or NOT_FILES.get(mode)

    with _keyhole(repository, max_file_bytes) as view, Blobs(view, max_file_bytes) as blobs:
        for record in _ordered(_records(repository, view, shas, judge), blobs):
            yield _commit_of(record, blobs)


def _ordered(records: Iterable[Record], blobs: Blobs) -> Iterator[Record]:
    """Order the blobs of a record, and pass it on once those of the next are ordered: git works while we do."""
    previous: Record | None = None
    for record in records:
        blobs.ask(blob for draft in record.drafts for blob in draft.blobs)
        if previous:
            yield previous
        previous = record
    if previous:
        yield previous


def _records(repository: Repository, view: Mapping[str, str], shas: Sequence[str], judge: Judge) -> Iterator[Record]:
    for is_cut, group in groupby(shas, key=repository.shallow.__contains__):
        part = list(group)
        done = 0
        while done < len(part):
            for record in _stream(view, part[done:], WITH_HEADERS if is_cut else WITH_PATCHES, judge):
                yield record
                done += 1
            if done < len(part):
                yield _damaged(repository, view, part[done], judge)
                done += 1


def _stream(view: Mapping[str, str], shas: Sequence[str], words: Sequence[str], judge: Judge) -> Iterator[Record]:
    """Yield the records that one git process gives; they end early where an object is missing, for there git dies."""
    with Process(view, words, lines=shas) as git, suppress(Ended):
        for sha, following in zip(shas, [*shas[1:], None], strict=True):
            record = read_record(git.out, sha, following, judge)
            # What git had written when it died may look complete: the last record needs a good end.
            if following is None and git.finish() is not None:
                return
            yield record


def _damaged(repository: Repository, view: Mapping[str, str], sha: str, judge: Judge) -> Record:
    """Read a commit at which git may have died: if it dies again, without contents."""

    def missing(entry: Entry) -> str:
        return judge(entry) or "missing object"

    for words, verdict in ((WITH_PATCHES, judge), (WITH_ENTRIES, missing)):
        for record in _stream(view, [sha], words, verdict):
            return record
    complaint = run(["git", "diff-tree", "-r", "--root", sha], view).complaint
    raise DamagedDataError(f"{repository.path}: commit {sha} cannot be read: {complaint}; run git fsck there")


def _commit_of(record: Record, blobs: Blobs) -> Commit:
    header = record.header
    changes = tuple(_change(draft, blobs) for draft in record.drafts)
    return Commit(header.sha, header.parents, header.author, header.email, header.time, header.message, changes)


def _change(draft: Draft, blobs: Blobs) -> Change:
    entry = draft.entry
    change = Change(entry.path, entry.old_path, entry.status, entry.old_blob, entry.new_blob)
    answers = [blobs.take() for _ in draft.blobs]
    try:
        after, hunks = _content(draft, answers)
        return replace(change, after=after, hunks=hunks)
    except Unreadable as verdict:
        return replace(change, dropped=verdict.reason)


def _content(draft: Draft, answers: Sequence[bytes | Unreadable]) -> tuple[str | None, tuple[Hunk, ...]]:
    if draft.dropped is not None:
        raise Unreadable(draft.dropped)
    contents = [content_of(answer) for answer in answers]
    if is_binary(draft.patch):
        raise Unreadable("binary")
    try:
        hunks = hunks_of(draft.patch)
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    return (text_of(contents[0]) if contents else None), hunks


def read_tree(repository: Repository, sha: str, drop_path: DropPath, max_file_bytes: int) -> Iterator[File]:
    """Yield every file of the tree of commit ``sha``; where the content was not read, ``dropped`` says why.

    Raises:
        DamagedDataError: a tree is missing or broken.
    """
    words = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", sha]
    with (
        _keyhole(repository, max_file_bytes) as view,
        Blobs(view, max_file_bytes) as blobs,
        Process(view, words) as git,
    ):
        entries = _tree(git.out, drop_path)
        while batch := list(islice(entries, 100)):
            blobs.ask(file.blob for file in batch if file.dropped is None)
            yield from (_filled(file, blobs) for file in batch)
        _demand(git.finish(), repository)


def count_files(repository: Repository, sha: str) -> int:
    """Return the number of files of the tree of commit ``sha``, without reading one."""
    return sum(1 for _ in read_tree(repository, sha, lambda path: "only counted", 0))


def _tree(out: Reader, drop_path: DropPath) -> Iterator[File]:
    with suppress(Ended):
        while out.peek():
            mode, _, blob = out.until(b"\t").decode().split(" ")
            path = os.fsdecode(out.until(b"\0"))
            yield File(path, blob, dropped=drop_path(path) or NOT_FILES.get(mode))


def _filled(file: File, blobs: Blobs) -> File:
    if file.dropped is not None:
        return file
    try:
        return replace(file, text=text_of(content_of(blobs.take())))
    except Unreadable as verdict:
        return replace(file, dropped=verdict.reason)
