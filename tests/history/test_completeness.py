import pytest

from codelm.errors import DamagedDataError, InputError
from codelm.git.commits import File
from codelm.git.repository import open_repository
from codelm.history.completeness import (
    Readability,
    clone_notices,
    has_been_completed,
    mostly_missing,
    unread_notices,
    write_unread,
)

LARGE = "x = 1\n" * 2000


@pytest.fixture
def clone(make_repository, git, tmp_path):
    """Clone a repository of seven small files and one large one: ``clone("--filter=blob:limit=1k")``."""
    source = make_repository([{f"{n}.rs": f"{n}\n" for n in range(7)} | {"large.rs": LARGE}, {"0.rs": "new\n"}])
    git(source, "config", "uploadpack.allowFilter", "true")

    def make(*options):
        git(tmp_path, "clone", "-q", "--no-checkout", *options, f"file://{source}", "clone")
        return tmp_path / "clone"

    return make


def test_a_whole_clone_needs_no_notice(clone):
    assert clone_notices([open_repository(clone())]) == []


def test_a_partial_clone_is_named_with_what_completes_it_and_the_command_does(clone, git):
    folder = clone("--filter=blob:limit=1k")
    assert clone_notices([open_repository(folder)]) == [
        f"{folder} is a partial clone (blob:limit=1024): 1 of 9 file contents are missing; "
        f"git -C {folder} fetch --refetch --no-filter completes it"
    ]
    git(folder, "fetch", "-q", "--refetch", "--no-filter")
    assert clone_notices([open_repository(folder)]) == []


@pytest.mark.parametrize(("left_out", "said"), [("blob:none", ": 9 of 9 file contents"), ("tree:0", " without all")])
def test_a_clone_of_hardly_anything_is_refused_as_what_it_is(clone, left_out, said):
    folder = clone(f"--filter={left_out}")
    with pytest.raises(InputError, match=r"fetch --refetch --no-filter completes it$") as refused:
        clone_notices([open_repository(folder)])
    assert str(refused.value).startswith(f"{folder} is a partial clone ({left_out}){said}")


def test_a_store_is_out_of_date_once_something_can_be_read_that_could_not(clone, git, tmp_path):
    folder = clone("--filter=blob:limit=1k")
    repository, readability = open_repository(folder), Readability()
    assert not has_been_completed(tmp_path, [repository])
    large = git(folder, "rev-parse", "HEAD:large.rs")
    list(readability.counted([File("large.rs", large, dropped="missing object")]))
    write_unread(tmp_path, [repository], [readability])
    assert not has_been_completed(tmp_path, [repository])
    git(folder, "fetch", "-q", "--refetch", "--no-filter")
    assert has_been_completed(tmp_path, [repository])
    (tmp_path / "unread.txt").write_bytes(b"\xff\n" * 3)
    assert has_been_completed(tmp_path, [repository])


@pytest.mark.parametrize(("damaged", "refused"), [(1, False), (2, True)])
def test_a_tenth_of_damaged_contents_is_too_much(clone, damaged, refused):
    files = [File("a", "1", "text"), File("b", "2", dropped="binary")] * (12 - damaged)
    readability = Readability()
    files += [File("c", "3", dropped="damaged object")] * damaged
    assert list(readability.counted(files)) == files
    assert readability.as_dict() == {"contents": 12, "missing": 0, "damaged": damaged, "attributes": []}
    if refused:
        with pytest.raises(DamagedDataError, match=r"2 of 12 file contents are damaged; run git fsck"):
            readability.refuse_much_damage(open_repository(clone()))
    else:
        readability.refuse_much_damage(open_repository(clone()))


def test_missing_and_damaged_contents_are_said():
    whole = {"name": "whole", "read": {"contents": 9, "missing": 0, "damaged": 0, "attributes": []}}
    files = ["a/.gitattributes", "b/.gitattributes", "c/.gitattributes", "d/.gitattributes"]
    torn = {"name": "torn", "read": {"contents": 9000, "missing": 5000, "damaged": 3, "attributes": files}}
    remedy = "run git fsck there, or clone it again"
    assert unread_notices([whole, torn]) == [
        f"torn: 3 of 9,000 file contents that were asked for are damaged and not learned; {remedy}",
        "torn: 5,000 of 9,000 file contents that were asked for are missing and not learned; "
        "git fetch --refetch --no-filter completes a partial clone; others have to be cloned again",
        f"torn: what {', '.join(files[:3])} marks is learned, since that cannot be read; {remedy}",
    ]
    assert [mostly_missing([each]) for each in (whole, torn)] == [False, True]
