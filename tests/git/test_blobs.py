"""Contents that are not read, and the reasons; damaged and incomplete repositories."""

import hashlib
import tracemalloc

import pytest

from codelm.errors import DamagedDataError
from codelm.git.commits import Hunk
from codelm.git.repository import count_blobs, open_repository


def test_every_unreadable_content_has_its_reason(make_repository, read, read_files):
    files = {
        "binary": b"a\0b",
        "latin": b"caf\xe9",
        "late": b"x" * 9000 + b"\0",
        "large": "x\n" * 30,
        "pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "link": "/etc/passwd",
        "module": "1" * 40,
        "kept": "x",
    }
    folder = make_repository([(files, {"modes": {"link": "120000", "module": "160000"}})])
    expected = {"binary": "binary", "latin": "not UTF-8", "late": None, "large": None, "pointer": "LFS pointer"}
    expected |= {"link": "symlink", "module": "submodule", "kept": None}
    (commit,) = read(folder, limit=10_000)
    assert {change.path: change.dropped for change in commit.changes} == expected
    (commit,) = read(folder, limit=50)
    large = dict.fromkeys(("late", "large", "pointer"), "too large")
    assert {change.path: change.dropped for change in commit.changes} == expected | large
    assert {file.path: file.dropped for file in read_files(folder, limit=10_000)} == expected


def test_a_path_that_is_not_wanted_is_named_but_not_read(make_repository, read):
    folder = make_repository([{"a.rs": "x", "b.lock": "y"}])
    (kept, dropped) = read(folder, drop_path=lambda path: "lock file" if path.endswith(".lock") else None)[0].changes
    assert (kept.after, kept.dropped) == ("x", None)
    assert (dropped.path, dropped.after, dropped.hunks, dropped.dropped) == ("b.lock", None, (), "lock file")


def test_a_change_that_converts_a_file_to_utf8_keeps_what_it_adds(last_change):
    change = last_change([{"a": b"one\ncaf\xe9\nthree\n"}, {"a": "one\ncafé\nthree\nfour\n"}])
    added = [hunk.added for hunk in change.hunks]
    assert (change.dropped, change.after, added) == (None, "one\ncafé\nthree\nfour\n", [("café\n",), ("four\n",)])


@pytest.mark.parametrize(("old", "new"), [("x\n", b"caf\xe9\n"), (b"\0", "x\n")])
def test_a_change_is_read_only_if_git_compares_both_sides_and_the_new_one_is_utf8(last_change, old, new):
    change = last_change([{"a": old}, {"a": new}])
    assert change.dropped == ("binary" if old == b"\0" else "not UTF-8")
    assert (change.after, change.hunks) == (None, ())


@pytest.mark.parametrize(("old", "new"), [("x\n" * 100, "x\n"), ("x\n", "x\n" * 100), ("x\n" * 100, None)])
def test_too_large_counts_on_both_sides(last_change, old, new):
    assert last_change([{"a": old}, {"a": new}], limit=100).dropped == "too large"


def test_a_heading_that_git_cuts_short_is_no_reason(last_change):
    old = "fn " + "é" * 60 + "() {\n" + "".join(f"    line {number}\n" for number in range(9)) + "}\n"
    new = old.replace("line 5", "other")
    change = last_change([{"a.rs": old}, {"a.rs": new}])
    assert (change.before, change.after) == (old, new)


def test_links_and_files_may_change_places(make_repository, read):
    as_link = {"modes": {"a": "120000"}}
    folder = make_repository([{"a": "x\n", "z": "q"}, ({"a": "target", "z": "r"}, as_link), {"a": "y\n", "z": "s"}])
    _, to_link, to_file = (commit.changes for commit in read(folder))
    assert [(change.status, change.dropped) for change in to_link] == [("T", "symlink"), ("M", None)]
    assert [(change.status, change.before, change.after) for change in to_file] == [("T", "", "y\n"), ("M", "r", "s")]


def test_a_large_file_is_passed_over_without_being_held(make_repository, read):
    large = b"0123456789abcde\n" * 2_000_000
    folder = make_repository([{"a.rs": large, "b.rs": "x\n"}, {"a.rs": large + b"more\n", "b.rs": "y\n"}])
    del large
    tracemalloc.start()
    commits = read(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [[change.dropped for change in commit.changes] for commit in commits] == [["too large", None]] * 2
    assert peak < 5_000_000


def remove_blob(folder, git, name):
    """Take one object out of a repository."""
    sha = git(folder, "rev-parse", name)
    (pack,) = (folder / ".git/objects/pack").glob("*.pack")
    content = pack.read_bytes()
    for file in (folder / ".git/objects/pack").iterdir():
        file.unlink()
    git(folder, "unpack-objects", "-q", stdin=content)
    (folder / ".git/objects" / sha[:2] / sha[2:]).unlink()
    return folder


def corrupt(folder, git, name):
    """Overwrite the beginning of one object inside the pack."""
    sha = git(folder, "rev-parse", name)
    (index,) = (folder / ".git/objects/pack").glob("*.idx")
    listed = git(folder, "verify-pack", "-v", index).splitlines()
    (offset,) = (int(line.split()[4]) for line in listed if line.startswith(sha))
    pack = index.with_suffix(".pack")
    content = bytearray(pack.read_bytes())
    content[offset + 2 : offset + 10] = b"\xff" * 8
    pack.chmod(0o644)
    pack.write_bytes(content)


def test_a_missing_blob_costs_its_own_file_and_no_other(make_repository, read, git):
    folder = make_repository([{"a.rs": f"{number}\n", "b.rs": f"b{number}\n", "x.lock": "1"} for number in range(8)])
    remove_blob(folder, git, "HEAD~4:a.rs")
    commits = read(folder, drop_path=lambda path: "lock" if path.endswith(".lock") else None)
    reasons = [{change.path: change.dropped for change in commit.changes} for commit in commits]
    read_whole = {"a.rs": None, "b.rs": None}
    lost = {"a.rs": "missing object", "b.rs": None}
    assert [{path: reason for path, reason in each.items() if reason != "lock"} for each in reasons] == (
        [read_whole] * 3 + [lost] * 2 + [read_whole] * 3
    )
    assert [commit.changes[0].hunks for commit in commits[3:5]] == [
        (Hunk(0, 0, ("b2\n",), ("b3\n",)),),
        (Hunk(0, 0, ("b3\n",), ("b4\n",)),),
    ]
    assert [change.after for change in commits[-1].changes] == ["7\n", "b7\n"]


@pytest.mark.parametrize("age", [0, 7])
def test_a_missing_blob_at_either_end_is_found(make_repository, read, git, age):
    folder = make_repository([{"a.rs": f"{number}\n"} for number in range(8)])
    remove_blob(folder, git, f"HEAD~{age}:a.rs")
    assert [commit.changes[0].dropped for commit in read(folder)].count("missing object") == (1 if age == 0 else 2)


@pytest.mark.parametrize("most_bytes", [100_000, 0, 8])
def test_all_that_git_can_read_of_a_commit_stays(make_repository, read, git, monkeypatch, most_bytes):
    monkeypatch.setattr("codelm.git.records._MAX_PATHSPEC_BYTES", most_bytes)
    files = {f"*{number}?.rs": f"fn a{number}() {{}}\n" for number in range(9)}
    folder = make_repository([files, {path: text + "more\n" for path, text in files.items()}, {"z.rs": "z"}])
    remove_blob(folder, git, "HEAD~1:*3?.rs")
    _, commit, _ = read(folder)
    assert {change.path for change in commit.changes} == set(files)
    assert {change.path: change.after for change in commit.changes if change.dropped is None} == {
        path: text + "more\n" for path, text in files.items() if path != "*3?.rs"
    }


def test_a_damaged_blob_is_not_called_missing(make_repository, read, git):
    folder = make_repository([{"a.rs": f"{number}\n" * 99, "b.rs": f"{number}\n"} for number in range(20)])
    corrupt(folder, git, git(folder, "rev-parse", "HEAD~9:a.rs"))
    reasons = {(change.path, change.dropped) for commit in read(folder) for change in commit.changes}
    assert reasons == {("a.rs", None), ("b.rs", None), ("a.rs", "damaged object")}


def test_a_partial_clone_loses_only_what_it_leaves_out(make_repository, read, git, tmp_path):
    code = {f"{name}.rs": f"fn {name}() {{}}\n" for name in "xyz"}
    folder = make_repository([{"a.rs": "a\n"}, code | {"model.bin": b"\0" * 3_000_000}, {"a.rs": "b\n"}])
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:limit=1m", f"file://{folder}", "partial")
    _, commit, _ = read(tmp_path / "partial")
    assert {change.path: change.dropped for change in commit.changes} == dict.fromkeys(code) | {
        "model.bin": "missing object"
    }
    repository = open_repository(tmp_path / "partial")
    assert (repository.partial, count_blobs(repository)) == ("blob:limit=1048576", (6, 1))
    assert open_repository(folder).partial is None


def test_a_missing_blob_of_the_tree_is_one_file(make_repository, read_files, git):
    folder = remove_blob(make_repository([{"a.rs": "a\n", "b.rs": "b\n", "c.rs": "c\n"}]), git, "HEAD:b.rs")
    files = [(file.text, file.dropped) for file in read_files(folder)]
    assert files == [("a\n", None), (None, "missing object"), ("c\n", None)]
    sha = hashlib.sha1(b"blob 2\0b\n").hexdigest()
    (folder / ".git/objects" / sha[:2]).mkdir(exist_ok=True)
    (folder / ".git/objects" / sha[:2] / sha[2:]).write_bytes(b"garbage")
    assert [file.dropped for file in read_files(folder)] == [None, "damaged object", None]


@pytest.mark.parametrize("name", ["HEAD~2", "HEAD~2^{tree}"])
def test_a_missing_commit_or_tree_is_reported_as_damage_in_a_line_without_gits_advice(make_repository, read, git, name):
    folder = remove_blob(make_repository([{"a.rs": f"{number}\n"} for number in range(4)]), git, name)
    with pytest.raises(DamagedDataError, match="git fsck") as damage:
        read(folder)
    assert "hint" not in str(damage.value)
    assert len(str(damage.value)) < len(str(folder)) + 200


def test_a_corrupted_pack_is_reported_in_a_line_without_gits_advice(make_repository, read, git):
    folder = make_repository([{"a.rs": f"{number}\n" * 99} for number in range(20)])
    tree = git(folder, "rev-parse", "HEAD~9^{tree}")
    corrupt(folder, git, tree)
    with pytest.raises(DamagedDataError, match=r"git fsck there$") as caught:
        read(folder)
    assert tree in str(caught.value)
    assert "hint" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tip_that_is_missing_is_damage(make_repository, git):
    folder = remove_blob(make_repository([{"a": "x"}]), git, "HEAD")
    with pytest.raises(DamagedDataError, match="git fsck"):
        open_repository(folder)


def test_a_shallow_clone_learns_nothing_from_where_it_was_cut(make_repository, read, git, tmp_path):
    folder = make_repository([{"a": f"{number}\n", "b": "same"} for number in range(6)])
    git(tmp_path, "clone", "-q", "--depth=3", f"file://{folder}", "cut")
    commits = read(tmp_path / "cut")
    assert open_repository(tmp_path / "cut").shallow == {commits[0].sha}
    assert [len(commit.changes) for commit in commits] == [0, 1, 1]
    assert commits[0].message == "Commit 3"


def test_a_partial_clone_fetches_nothing(make_repository, read, git, tmp_path):
    folder = make_repository([{"a": f"{number}\n"} for number in range(4)])
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{folder}", "partial")
    packs = sorted((tmp_path / "partial/objects/pack").iterdir())
    reasons = [change.dropped for commit in read(tmp_path / "partial") for change in commit.changes]
    assert reasons == ["missing object"] * 4
    assert sorted((tmp_path / "partial/objects/pack").iterdir()) == packs
