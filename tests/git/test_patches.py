"""Odd histories: contents that look like git's output format, and random ones."""

import io
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codelm.git.environment import isolated_git
from codelm.git.patches import WITH_PATCHES, Hunk, parse_hunks, read_record
from codelm.git.process import GitEndedError, PipeReader, Process
from codelm.git.repository import open_repository, read_commits, read_graph

LIMIT = 1_000_000


def keep_all(path, mode=None):
    return None


@pytest.mark.parametrize(
    "path", ["a b", "tab\there", 'quo"te', "back\\slash", "line\nfeed", "é", "-dash", " ", "\x01", b"\xff"]
)
def test_any_name_of_a_file_is_only_a_name(last_change, path):
    change = last_change([{path: "x\n"}, {path: "y\n", "other": "z"}, {path: "w\n"}])
    assert (os.fsencode(change.path), change.before, change.after) == (os.fsencode(path), "y\n", "w\n")


def test_hunks_are_counted_from_zero_and_keep_their_line_ends():
    first = b"@@ -1,2 +0,0 @@\n-a\n-b\r\n"
    second = b"@@ -4 +2,2 @@ fn x()\n-c\n\\ No newline at end of file\n+d\n+@@ -1 +1 @@"
    patch = b"--- a/x\n+++ b/x\n" + first + second
    assert parse_hunks(patch) == (
        Hunk(0, 0, ("a\n", "b\r\n"), ()),
        Hunk(3, 1, ("c",), ("d\n", "@@ -1 +1 @@\n")),
    )
    assert parse_hunks(b"old mode 100644\nnew mode 100755") == ()


def records(output, shas):
    """Every record that can be read from the output of git before it ends."""
    found = []
    reader = PipeReader(io.BytesIO(output))
    try:
        for sha, next_sha in zip(shas, [*shas[1:], None], strict=True):
            found.append(read_record(reader, sha, next_sha, keep_all))
    except GitEndedError:
        pass
    return found


def test_output_that_breaks_off_anywhere_gives_whole_records_or_none(make_repository):
    """For the last record the end of the output proves nothing: there the exit status of git has to."""
    history = [{"a": "x\n", "b": "y\n"}, {}, {"a": "z\n", "b": None}, {"c": "y"}]
    repository = open_repository(make_repository([*history, ({"c": "a"}, {"modes": {"c": "120000"}}), {"a": "last"}]))
    shas = [node.sha for node in read_graph(repository)]
    with isolated_git(repository, LIMIT) as environment, Process(environment, WITH_PATCHES, lines=shas) as git:
        output = git.output.rest()
    whole = records(output, shas)
    assert [len(record.changes) for record in whole] == [2, 0, 2, 1, 1, 1]
    for end in range(len(output)):
        found = records(output[:end], shas)[: len(shas) - 1]
        assert found == whole[: len(found)]


@pytest.mark.parametrize("place", ["message", "author", "path", "content"])
def test_naming_a_sibling_does_not_bring_its_changes_along(make_repository, place):
    """The ids of siblings can be known before the commit that names them is written."""
    base = [{"a": "x\n"}, {"a": "left\n"}]
    sibling = open_repository(make_repository(base)).tip
    trap = {"author": f"A \x01{sibling} <a@example.org>"}.get(place, f"t\n\x01{sibling}\n\n:100644")
    files = {"a": "right\n", trap if place == "path" else "p": trap if place == "content" else "q"}
    options = {"parents": [0], "author": "A <a@example.org>"}
    options |= {place: trap} if place in ("message", "author") else {}
    repository = open_repository(make_repository([*base, (files, options)]))
    orders = [[repository.tip, sibling], [sibling, repository.tip, sibling]]
    alone = {sha: list(read_commits(repository, [sha], keep_all, LIMIT)) for sha in orders[0]}
    for order in orders:
        together = read_commits(repository, order, keep_all, LIMIT)
        assert [[commit] for commit in together] == [alone[sha] for sha in order]
    assert {change.path for change in alone[repository.tip][0].changes} == {os.fsdecode(path) for path in files}
    assert [change.after for change in alone[sibling][0].changes] == ["left\n"]


@pytest.mark.parametrize(
    ("claimed", "read_as"),
    [
        ("18446744073709551615 +0000", 2**63 - 1),
        ("-5 +0000", None),
        ("99999999999 +0000", 99999999999),
        ("", 0),
        ("x", 0),
    ],
)
def test_a_wrong_date_does_not_stop_the_reading(make_repository, read, git, claimed, read_as):
    folder = make_repository([{"a": "x"}])
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    text = f"tree {tree}\nauthor A <a@example.org> {claimed}\ncommitter A <a@example.org> {claimed}\n\nodd\n".encode()
    sha = git(folder, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=text)
    (commit,) = read(folder, sha)
    assert isinstance(commit.time, int)
    assert read_as is None or commit.time == read_as


def test_a_message_in_another_encoding_is_read(make_repository, read, git):
    folder = make_repository([({"a": "x"}, {"message": b"caf\xe9 \xff"})])
    assert read(folder)[0].message == "caf\ufffd \ufffd"


TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "é\n", "\\ No newline\n", "d"]), max_size=8).map("".join)
CONTENTS = st.one_of(TEXTS, TEXTS, st.binary(max_size=12), st.none())
HISTORIES = st.lists(
    st.dictionaries(st.sampled_from(["a.rs", "b/c.rs", "d"]), CONTENTS, max_size=3), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_every_history_is_read_exactly(make_repository, read, history):
    folder = make_repository(history)
    files: dict[str, bytes] = {}
    for commit, changed in zip(read(folder), history, strict=True):
        before, files = files, dict(files)
        for path, content in changed.items():
            files.pop(path, None) if content is None else files.update({path: os.fsencode(content)})
        for change in commit.changes:
            if change.dropped is None:
                assert change.before == before.get(change.old_path, b"").decode(errors="replace")
                assert (change.after or "").encode() == files.get(change.path, b"")
            else:
                assert unreadable(before.get(change.old_path, b"")) or unreadable(files.get(change.path, b""))
        gone = {change.old_path for change in commit.changes if change.status in "DR"}
        assert {change.path for change in commit.changes} | gone == {
            path for path in before.keys() | files.keys() if before.get(path) != files.get(path)
        }


def unreadable(content):
    try:
        return "\0" in content.decode()
    except UnicodeDecodeError:
        return True
