"""Random histories, made by git and read by codelm, in a process of its own whose memory is measured.

``python -m experiments.torture.random_histories COUNT SEED GUARD`` prints what it found as JSON.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from codelm.errors import CodelmError, InputError, one_line
from codelm.git.commits import Change, Commit, Node
from codelm.git.repository import Repository, open_repository, read_commits, read_graph
from codelm.history.split import CommitSplits, split_commits
from experiments.torture.fast_import import make_repository
from experiments.torture.growth import with_peak_of_children
from experiments.torture.guards import taken_out

__all__ = ["histories", "main"]

_LIMIT = 100_000
_HELD_OUT = 0.25
_SLACK = 0.35
"""How far the held-out share may be from `_HELD_OUT` in so short histories, unless codelm says that it is."""
_PATHS = [
    "a.rs",
    "b/c.rs",
    "b/d e.rs",
    "tab\there",
    'quo"te',
    "line\nfeed",
    "-dash",
    "é",
    "e\u0301",
    b"\xff",
    "\\x",
    " ",
]
_LINES = ["a\n", "b\n", "\n", "c\r\n", "é\n", "\\ No newline\n", "@@ -1 +1 @@\n", "--- a/x\n", "d"]
_TEXTS = st.lists(st.sampled_from(_LINES), max_size=8).map("".join)
_CONTENTS = st.one_of(
    _TEXTS,
    _TEXTS,
    st.none(),
    st.just(""),
    st.binary(max_size=12),
    st.sampled_from(["é\n".encode("utf-16"), b"caf\xe9\n", "x" * (_LIMIT + 1), "y\n" * 20_000]),
)
_MODES = st.sampled_from(["100644", "100644", "100644", "100755", "120000"])
_AUTHORS = st.sampled_from(
    ["Ann <a@example.org>", "é <e@example.org>", b"\xff <x@example.org>", "\u202e <>", "A <a b>"]
)
_TIMES = st.sampled_from([0, 1, 1_700_000_000, 4_102_444_800, 99_999_999_999, -1])
_MESSAGES = st.one_of(st.sampled_from(["", "x\n\ny", b"\xff\xfe", "\x1b[31m", "\u202e"]), st.text(max_size=20))


@dataclass(frozen=True, repr=False)  # Hypothesis would write out large files
class History:
    """Commits with their options, see `make_repository`, and the hash of their objects."""

    commits: Sequence[tuple[Mapping[Any, Any], Mapping[str, Any]]]
    object_format: str


@st.composite
def histories(draw: Any) -> History:
    """Draw a history."""
    object_format = draw(st.sampled_from(["sha1", "sha1", "sha256"]))
    digits = {"sha1": 40, "sha256": 64}[object_format]
    commits = []
    for number in range(draw(st.integers(1, 25))):
        files = draw(st.dictionaries(st.sampled_from(_PATHS), _CONTENTS, max_size=3))
        options = {"author": draw(_AUTHORS), "time": draw(_TIMES), "message": draw(_MESSAGES)}
        options["modes"] = {path: draw(_MODES) for path in files}
        options["parents"] = draw(_parents(number))
        if draw(st.integers(0, 9)) == 0:
            files["module"], options["modes"]["module"] = f"{number + 1:0{digits}x}", "160000"
        commits.append((files, options))
    return History(commits, object_format)


def _parents(number: int) -> Any:
    """Draw the parents of a commit: mostly the one before, sometimes none, an older one, or several."""
    if not number:
        return st.just([])
    older = st.lists(st.integers(0, number - 1), min_size=1, max_size=3, unique=True)
    return st.one_of(st.just([number - 1]), st.just([number - 1]), older, st.just([]) if number % 7 == 3 else older)


Tree = dict[bytes, tuple[str, bytes]]
"""Mode and content of each file, by its path."""


def _trees(commits: Sequence[tuple[Mapping[Any, Any], Mapping[str, Any]]]) -> list[Tree]:
    """Return the files as they are after each commit."""
    trees: list[Tree] = []
    for files, options in commits:
        tree = dict(trees[options["parents"][0]]) if options["parents"] else {}
        for path, content in files.items():
            name = os.fsencode(path)
            if content is None:
                tree.pop(name, None)
            else:
                tree[name] = (options["modes"][path], os.fsencode(content))
        trees.append(tree)
    return trees


def _differences(commit: Commit, before: Tree, after: Tree) -> list[str]:
    """Return how what was read of a commit differs from what was put into it."""
    wrong = [told for change in commit.changes for told in _wrong_change(change, before, after)]
    gone = {os.fsencode(change.old_path) for change in commit.changes if change.status in "DR"}
    read = {os.fsencode(change.path) for change in commit.changes} | gone
    put = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return wrong + ([f"other files: {read ^ put}"] if read != put else [])


def _wrong_change(change: Change, before: Tree, after: Tree) -> list[str]:
    old = before.get(os.fsencode(change.old_path)) if change.status != "A" else None
    new = after.get(os.fsencode(change.path)) if change.status != "D" else None
    if change.dropped is not None:
        return [] if _is_unreadable(old) or _is_unreadable(new) else [f"{change.path!r} dropped as {change.dropped}"]
    wrong = (change.after or "").encode() != (new[1] if new else b"")
    kept = old is not None and change.status != "T" and not _is_unreadable(old)
    wrong = wrong or (kept and old is not None and change.before.encode() != old[1])
    return [f"{change.path!r} is read otherwise"] if wrong else []


def _is_unreadable(file: tuple[str, bytes] | None) -> bool:
    """Return whether a file cannot be read as text: a link, a submodule, binary, of another encoding, or too large."""
    if file is None:
        return False
    mode, content = file
    try:
        return mode not in ("100644", "100755") or "\0" in content.decode() or len(content) > _LIMIT
    except UnicodeDecodeError:
        return True


def _check(folder: Path, commits: Sequence[tuple[Mapping[Any, Any], Mapping[str, Any]]]) -> list[str]:
    """Read a history and return what is wrong with what was read."""
    repository = open_repository(folder)
    graph = read_graph(repository)
    read = _read(repository, graph)
    trees, number_of = _trees(commits), _numbers(repository, len(commits))
    wrong: list[str] = []
    for commit in read:
        number = number_of[commit.sha]
        parents = commits[number][1]["parents"]
        wrong += _differences(commit, trees[parents[0]] if parents else {}, trees[number])
    return wrong + _wrong_split(graph)


def _read(repository: Repository, graph: Sequence[Node]) -> list[Commit]:
    shas = [node.sha for node in graph if not node.is_merge]
    return list(read_commits(repository, shas, lambda path: None, _LIMIT))


def _numbers(repository: Repository, count: int) -> dict[str, int]:
    """Return the number of each commit by its id, as git's fast-import has marked them."""
    marks = Path(repository.path, "marks").read_text().split()
    return {sha: int(mark[1:]) - 1 for mark, sha in zip(marks[::2], marks[1::2], strict=True)}


def _wrong_split(graph: Sequence[Node]) -> list[str]:
    """Return what is wrong with the split of a history; nothing for one too short to split."""
    commits = {node.sha for node in graph if not node.is_merge}
    try:
        split = split_commits(graph, _HELD_OUT)
    except InputError:
        return [] if len(commits) < 10 else ["not split"]
    parts = (*split.train, *split.validation, *split.test)
    wrong = [] if sorted(parts) == sorted(commits) else ["a commit is in no split, or in two"]
    share = 1 - len(split.train) / len(commits)
    wrong += [f"held out {share:.2f}"] if split.notice is None and abs(share - _HELD_OUT) > _SLACK else []
    return wrong + (["a held-out commit is an ancestor of a training commit"] if _leaks(graph, split) else [])


def _leaks(graph: Sequence[Node], split: CommitSplits) -> bool:
    parents = {node.sha: node.parents for node in graph}
    waiting, seen = list(split.train), set[str]()
    while waiting:
        sha = waiting.pop()
        if sha not in seen:
            seen.add(sha)
            waiting += [parent for parent in parents[sha] if parent in parents]
    return bool(seen & {*split.validation, *split.test})


def _peak_memory() -> int:
    """Return the most memory that this program has had, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> int:
    """Read random histories, print how many there were, what was wrong, and the memory; return 0."""
    count, number, guard = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    failures: list[str] = []
    tried = 0

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def read(drawn: History) -> None:
        nonlocal tried
        tried += 1
        commits = drawn.commits
        with tempfile.TemporaryDirectory() as scratch:
            folder = make_repository(Path(scratch, "r"), commits, object_format=drawn.object_format, marks="marks")
            try:
                wrong = _check(folder, commits)
            except CodelmError as error:
                wrong = [f"refused: {error}"]
            except Exception as error:
                wrong = [one_line(error)]
        failures.extend([f"{wrong[:2]} of {commits}"[:500]] if wrong else [])

    with taken_out(guard):
        _, of_git = with_peak_of_children(read, seconds=0.003)  # most gits live for some milliseconds
    own = _peak_memory()
    print(json.dumps({"tried": tried, "failures": failures, "memory": own, "memory_of_git": of_git * 1e6}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
