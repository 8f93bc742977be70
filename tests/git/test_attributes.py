"""Attributes as ``git check-attr`` reads them from a work tree; measured with git 2.39.5."""

import pytest

from codelm.errors import DamagedDataError
from codelm.git.attributes import attribute_reader, unread_attributes
from codelm.git.repository import open_repository
from tests.git.test_blobs import remove_blob

NAMES = ["linguist-generated", "linguist-vendored"]
FILES = {
    ".gitattributes": """\
\ufeff*.pb.rs linguist-generated
[attr]made linguist-generated=true
gen/*.rs made
api/** linguist-generated
proto/*.rs linguist-generated=1
folder/ linguist-vendored
*.snap -diff linguist-generated=yes -linguist-vendored
"a b.rs" linguist-generated
*.[z-a] linguist-vendored
!x.rs linguist-generated
""",
    "sub/.gitattributes": "*.rs linguist-generated\nown.rs !linguist-generated\n",
}
PATHS = ["a.pb.rs", "gen/x.rs", "api/v1/y.rs", "proto/z.rs", "folder/a.rs", "w.snap", "a b.rs", "a.z", "x.rs"]
PATHS += ["sub/k.rs", "sub/own.rs", "sub/deep/é\n.rs", "none"]


@pytest.fixture
def marked(make_repository):
    return make_repository([FILES | dict.fromkeys(PATHS, "text\n")])


def values(repository, paths=PATHS, lines=()):
    with attribute_reader(NAMES, lines, repository) as read:
        return [read(path) for path in paths]


def test_a_repositorys_attributes_are_what_git_says(marked, git):
    git(marked, "checkout", "-q", "-f", "main")
    asked = "\0".join(PATHS).encode()
    said = git(marked, "check-attr", "-z", "--stdin", *NAMES, stdin=asked).split("\0")[2::3]
    assert values(open_repository(marked)) == [said[place : place + 2] for place in range(0, len(said) - 1, 2)]


def test_only_the_history_and_our_lines_count_and_ours_come_last(marked, git, monkeypatch, tmp_path):
    expected = values(open_repository(marked))
    (marked / ".git/info").mkdir(exist_ok=True)
    for place in (marked / ".git/info/attributes", marked / ".gitattributes", tmp_path / "attributes"):
        place.write_text("* linguist-generated=no\n")
    git(marked, "config", "core.attributesFile", tmp_path / "attributes")
    monkeypatch.setenv("GIT_ATTR_SOURCE", "HEAD")
    assert values(open_repository(marked)) == expected
    assert (
        values(open_repository(marked), ["x.rs", "gen/x.rs"], ["x.rs linguist-generated=ours\n"])
        == [["ours", "unspecified"]] * 2
    )


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "..", "", "\udcff"])
def test_a_path_that_only_a_hostile_tree_can_hold_has_an_answer(path):
    assert values(None, [path, "x"], ["x linguist-generated\n"])[1] == ["set", "unspecified"]


def test_attributes_that_are_missing_or_damaged_are_named_and_links_are_none(make_repository, git):
    files = {f"{folder}/.gitattributes": f"*.{folder} linguist-generated\n" for folder in "abc"}
    modes = {"link/.gitattributes": "120000", "module/.gitattributes": "160000"}
    others = {"link/.gitattributes": "nowhere", "module/.gitattributes": "1" * 40}
    folder = make_repository([(files | others, {"modes": modes})])
    assert unread_attributes(open_repository(folder)) == {}
    ids = [git(folder, "rev-parse", f"HEAD:{path}") for path in files]
    remove_blob(folder, git, "HEAD:a/.gitattributes")
    damaged = folder / ".git/objects" / ids[1][:2] / ids[1][2:]
    damaged.unlink()
    damaged.write_bytes(b"garbage")
    assert unread_attributes(open_repository(folder)) == dict(zip(list(files)[:2], ids[:2], strict=True))
    assert values(open_repository(folder), ["a/x.a", "c/x.c"]) == [["unspecified"] * 2, ["set", "unspecified"]]


def test_a_missing_tree_is_damage(marked, git):
    with pytest.raises(DamagedDataError, match=r"run git fsck there$"):
        values(open_repository(remove_blob(marked, git, "HEAD:sub")))
