import pytest

from codelm.git.commits import Change, Commit, Hunk
from codelm.history.filters.reverts import RevertDetector


def commit(sha, message):
    return Commit(sha * 40, (), "Jo", "jo@example.com", 0, message, ())


def dropped(*commits, graph=()):
    detector = RevertDetector({sha * 40: tuple(parent * 40 for parent in parents) for sha, parents in graph})
    return [one.sha[0] for one in commits if detector.is_reverted_or_revert(one)]


def test_a_revert_is_dropped_with_the_commit_it_reverts():
    back = commit("c", 'Revert "Add x"\n\nThis reverts commit ' + "a" * 40 + ".")
    assert dropped(back, commit("b", "Between"), commit("a", "Add x")) == ["c", "a"]


def test_a_revert_may_name_an_abbreviated_id():
    assert dropped(commit("c", "Undo\n\nThis reverts commit aaaaaaaaa."), commit("a", "Add x")) == ["c", "a"]


def test_a_squashed_revert_names_the_subject():
    commits = (
        commit("c", 'Revert "Add x" (#8)\n\nReverts some/where#7'),
        commit("a", "Add x (#7)"),
        commit("9", "Add x"),
    )
    assert dropped(*commits) == ["c", "a"]


def test_a_commit_whose_revert_is_reverted_is_kept():
    again = commit("d", 'Reapply "Add x"\n\nThis reverts commit ' + "c" * 40 + ".")
    back = commit("c", 'Revert "Add x"\n\nThis reverts commit ' + "a" * 40 + ".")
    assert dropped(again, back, commit("a", "Add x")) == ["d", "c"]


def test_a_commit_that_is_partially_reverted_is_kept():
    assert dropped(commit("c", "This partially reverts commit aaaaaaaaa."), commit("a", "Add x")) == []


@pytest.mark.parametrize(
    "message",
    [
        "Replace the list by a pool (#77)\n\n* Revert the first attempt\n\nThis reverts commit {a}.\n\n* Add Pool",
        'Add a pool (#77)\n\n* First\n\n* Revert "First"\n\nThis reverts commit {a}.',
        "Explain what happens\n\nThis reverts commit {a} and puts a pool in its place.",
        'Add a pool (#77)\n\nFirst\n\nRevert "First"\n\nThis reverts commit {a}.',
        "Handle a reverted transaction",
    ],
)
def test_who_quotes_a_revert_does_not_revert(message):
    assert dropped(commit("c", message.format(a="a" * 40)), commit("a", "Add x")) == []


QUOTES = "Replace the list by a pool (#77)\n\n* Revert the first attempt\n\nThis reverts commit {a}.\n\n* Add Pool"
LINES = tuple(f"line {number}\n" for number in range(10))


def changing(sha, message, removed=(), added=()):
    """A commit that changes two files, the same lines in each."""
    hunks = (Hunk(0, 0, tuple(removed), tuple(added)),)
    changes = tuple(Change(path, path, "M", "1", "2", after="", hunks=hunks) for path in ("a.rs", "b.rs"))
    return Commit(sha * 40, (), "Jo", "jo@example.com", 0, message, changes)


@pytest.mark.parametrize(
    ("removed", "added", "expected"),
    [
        (LINES, (), ["c", "a"]),
        (LINES[:8], (), ["c", "a"]),
        (LINES, LINES[:2], ["c", "a"]),  # it adds little
        (LINES[:7], (), []),
        (LINES, ("pool\n",) * 5, []),  # it puts something else in its place
        ((), LINES, []),  # it makes the same change
        ((), (), []),
    ],
)
@pytest.mark.parametrize("name", ["a" * 40, "a" * 9])
def test_who_quotes_a_revert_reverts_if_it_undoes_the_lines(removed, added, expected, name):
    first = changing("a", "Add x", added=LINES)
    later = changing("c", QUOTES.format(a=name), removed, added)
    others = {sha * 40: () for sha in "abc"}
    detector = RevertDetector(others, lambda shas: [first] if shas == [first.sha] else pytest.fail(str(shas)))
    assert [
        one.sha[0] for one in (later, commit("b", "Between"), first) if detector.is_reverted_or_revert(one)
    ] == expected


def test_a_quoted_commit_that_is_not_in_the_history_is_not_read():
    detector = RevertDetector({"b" * 40: ()}, lambda shas: pytest.fail("read"))
    assert not detector.is_reverted_or_revert(changing("c", QUOTES.format(a="a" * 40), LINES))


@pytest.mark.parametrize(
    "title",
    [
        "Undo the list",
        "revert: add x",
        "fix(api)!: revert x",
        "[docs] Revert x",
        "Back out x",
        "Rollback x",
        "Reland x",
        "searcher: fix a regression",
    ],
)
def test_a_revert_says_so_in_its_title_or_in_a_paragraph_of_its_own(title):
    text = f"{title}\n\nIt broke the build.\n\nThis reverts commit {'a' * 40}."
    assert dropped(commit("c", text), commit("a", "Add x")) == ["c", "a"]


def test_a_reverted_merge_is_dropped_with_all_that_it_brought_in():
    graph = [("1", ""), ("2", "1"), ("3", "2"), ("4", "1"), ("5", "43"), ("6", "5")]
    back = f'Revert "Merge branch"\n\nThis reverts commit {"5" * 40}, reversing\nchanges made to {"4" * 40}.'
    commits = [commit("6", back), *(commit(sha, f"Add {sha}") for sha in "4321")]
    assert dropped(*commits, graph=graph) == ["6", "3", "2"]


def test_a_merge_whose_revert_is_reverted_is_kept():
    graph = [("1", ""), ("2", "1"), ("4", "1"), ("5", "42"), ("6", "5"), ("7", "6")]
    back = f'Revert "Merge"\n\nThis reverts commit {"5" * 40}, reversing\nchanges made to {"4" * 40}.'
    again = f'Reapply "Merge"\n\nThis reverts commit {"6" * 40}.'
    commits = [commit("7", again), commit("6", back), commit("4", "Add 4"), commit("2", "Add 2")]
    assert dropped(*commits, graph=graph) == ["7", "6"]
