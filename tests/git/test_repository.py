import hashlib
import os

import pytest

from codelm.git.commits import Node
from codelm.git.repository import (
    count_files,
    open_repository,
    read_commits,
    read_graph,
    read_signatures,
    read_tree,
)

LIMIT = 1_000_000
REAL = os.environ.get("CODELM_TEST_REPOSITORY")


def keep_all(path):
    return None


def blob_id(text):
    content = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_exact(change):
    """Both texts are, to the byte, the files that git stores."""
    before = not change.old_blob.strip("0") or blob_id(change.before) == change.old_blob
    return before and (change.after is None or blob_id(change.after) == change.new_blob)


def test_a_commit_has_author_time_and_message(make_repository, read):
    options = {"message": "Say why\n\nBody", "author": "Bo <bo@example.org>", "time": 5}
    (commit,) = read(make_repository([({"a.rs": "x"}, options)]))
    assert (commit.author, commit.email, commit.time) == ("Bo", "bo@example.org", 5)
    assert commit.message == "Say why\n\nBody"
    assert commit.parents == ()


def test_a_change_holds_both_sides_and_its_hunks(last_change):
    change = last_change([{"a.rs": "one\ntwo\nthree\n"}, {"a.rs": "one\n2\n2b\nthree\nfour\n"}])
    assert (change.before, change.after) == ("one\ntwo\nthree\n", "one\n2\n2b\nthree\nfour\n")
    assert [(hunk.old_start, hunk.new_start, hunk.removed, hunk.added) for hunk in change.hunks] == [
        (1, 1, ("two\n",), ("2\n", "2b\n")),
        (3, 4, (), ("four\n",)),
    ]


def test_commits_are_read_in_the_given_order(make_repository):
    repository = open_repository(make_repository([{"a": str(number)} for number in range(5)]))
    shas = [node.sha for node in read_graph(repository)]
    given = [shas[3], shas[0], shas[3], shas[4]]
    assert [commit.sha for commit in read_commits(repository, given, keep_all, LIMIT)] == given
    assert list(read_commits(repository, [], keep_all, LIMIT)) == []


def test_a_deleted_file_has_only_a_text_before(last_change):
    change = last_change([{"a": "x\ny"}, {"a": None}])
    assert (change.status, change.after, change.before) == ("D", None, "x\ny")


@pytest.mark.parametrize("old", ["x", "x\n", "", "x\r\ny\r\n", "\x0c\x1e\u2028\n", "x\n\n\n"])
@pytest.mark.parametrize("new", ["z", "x\nz", "", "x\ny", "a\\ No newline at end of file\n", "@@ -1 +1 @@\n"])
def test_line_ends_are_exact(make_repository, read, old, new):
    folder = make_repository([{"a": old, "other": "1"}, {"a": new, "other": "2"}])
    changes = {change.path: (change.before, change.after) for change in read(folder)[-1].changes}
    assert changes.get("a", (old, old)) == (old, new)


@pytest.mark.parametrize(
    "content", ["diff --git a/a b/a\nindex 1..2\n", "--- a\n+++ b\n", "\x01\x00"[:1], "Binary files a and b differ\n"]
)
def test_a_file_that_looks_like_a_patch_is_only_text(last_change, content):
    change = last_change([{"a": "x\n"}, {"a": content}])
    assert (change.before, change.after) == ("x\n", content)


def test_a_rename_without_a_change_keeps_its_content(last_change):
    text = "".join(f"line {number}\n" for number in range(20))
    change = last_change([{"old.rs": text}, {"old.rs": None, "new.rs": text}])
    assert (change.status, change.old_path, change.path) == ("R", "old.rs", "new.rs")
    assert (change.before, change.after, change.hunks) == (text, text, ())


def test_a_rename_with_a_change_is_followed(last_change):
    old = "".join(f"line {number}\n" for number in range(20))
    new = old.removesuffix("line 19\n")
    change = last_change([{"old.rs": old}, {"old.rs": None, "new.rs": new}])
    assert (change.status, change.before, change.after) == ("R", old, new)


def test_a_change_of_mode_has_no_hunks(last_change):
    change = last_change([{"a": "x\n"}, ({"a": "x\n"}, {"modes": {"a": "100755"}})])
    assert (change.status, change.before, change.after, change.hunks) == ("M", "x\n", "x\n", ())


def test_an_empty_commit_is_a_commit(make_repository, read):
    assert [len(commit.changes) for commit in read(make_repository([{"a": "x"}, {}, {"a": "y"}]))] == [1, 0, 1]


def test_merges_and_several_roots_are_in_the_graph_and_merges_have_no_changes(make_repository):
    folder = make_repository([{"a": "x"}, ({"b": "y"}, {"parents": []}), ({"a": "x", "b": "y"}, {"parents": [0, 1]})])
    repository = open_repository(folder)
    graph = read_graph(repository)
    assert graph[2] == Node(repository.tip, tuple(node.sha for node in graph[:2])) or graph[2].is_merge
    commits = read_commits(repository, [node.sha for node in graph], keep_all, LIMIT)
    assert [len(commit.changes) for commit in commits] == [1, 1, 0]


def test_parents_come_before_children_whatever_the_dates_say(make_repository):
    folder = make_repository([({"a": str(number)}, {"time": 1000 - number}) for number in range(20)])
    seen = set()
    for node in read_graph(open_repository(folder)):
        assert seen.issuperset(node.parents)
        seen.add(node.sha)


def test_names_are_those_of_the_mailmap(make_repository, read):
    folder = make_repository([{"a": "x"}, {".mailmap": "Ann Right <right@example.org> <ann@example.org>\n"}])
    assert [(commit.author, commit.email) for commit in read(folder)] == [("Ann Right", "right@example.org")] * 2


def test_signatures_are_the_names_of_all_who_took_part_and_the_messages(make_repository):
    mailmap = {".mailmap": "Bo Real <bo@example.org> Bob <bo@example.org>\n"}
    folder = make_repository(
        [({"a": "1"}, {"author": "Bob <bo@example.org>", "message": "Say why\n\nBody\0\n"}), mailmap]
    )
    newest, oldest = read_signatures(open_repository(folder))
    assert newest == (("Ann Author",) * 4, "Commit 1")
    assert (set(oldest[0]), oldest[1].strip()) == ({"Bob", "Bo Real"}, "Say why\n\nBody")


def test_a_range_leaves_out_what_came_before(make_repository, read, git):
    folder = make_repository([{"a": str(number)} for number in range(5)])
    assert [commit.changes[0].after for commit in read(folder, "HEAD~3..HEAD~1")] == ["2", "3"]
    assert [commit.changes[0].after for commit in read(folder, "HEAD~1..")] == ["4"]


def test_the_tree_holds_every_file_once(make_repository, read_files):
    files = read_files(make_repository([{"a/b.rs": "x", "c": b"\0", "d": "later"}, {"d": None}]))
    assert [(file.path, file.text, file.dropped) for file in files] == [("a/b.rs", "x", None), ("c", None, "binary")]


def test_files_are_counted_without_being_read(make_repository):
    repository = open_repository(make_repository([{"a": "1", "b/c": b"\0", "d": "2"}, {"d": None}]))
    assert count_files(repository, repository.tip) == 2


def test_many_files_do_not_stop_the_pipes(make_repository, read):
    files = {f"{number}.rs": f"{number}\n" * 300 for number in range(1500)}
    folder = make_repository([files, {path: text + "more\n" for path, text in files.items()}])
    repository = open_repository(folder)
    assert all(is_exact(change) and change.after for commit in read(folder) for change in commit.changes)
    assert {file.path: file.text for file in read_tree(repository, repository.tip + "~1", keep_all, LIMIT)} == files


def test_sha256_repositories_are_read(make_repository, read):
    folder = make_repository([{"a": "x\n"}, {"a": "y\n"}], object_format="sha256")
    (change,) = read(folder)[-1].changes
    assert (change.before, change.after) == ("x\n", "y\n")


def test_a_reader_that_stops_early_leaves_nothing_behind(make_repository, tmp_path, monkeypatch):
    folder = make_repository([{"a": str(number)} for number in range(2000)])
    repository = open_repository(folder)
    shas = [node.sha for node in read_graph(repository)]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    commits = read_commits(repository, shas, keep_all, LIMIT)
    next(commits)
    assert list(tmp_path.glob("codelm-*"))
    commits.close()
    assert not list(tmp_path.glob("codelm-*"))


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="set CODELM_TEST_REPOSITORY to a clone of ripgrep")
def test_ripgrep_is_read_exactly():
    repository = open_repository(REAL, "3fce3b5bb0236da2df6d99672afb8a719642eca7")
    shas = [node.sha for node in read_graph(repository) if not node.is_merge]
    assert len(shas) == 2225
    commits = read_commits(repository, shas, lambda path: None if path.endswith((".rs", ".toml")) else "path", LIMIT)
    kept = [change for commit in commits for change in commit.changes if change.dropped is None]
    assert len(kept) == 3377
    assert sum(len(hunk.added) for change in kept for hunk in change.hunks) == 103_005
    assert sum(len(hunk.removed) for change in kept for hunk in change.hunks) == 46_120
    assert all(is_exact(change) for change in kept)
