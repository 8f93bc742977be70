import pytest

from codelm.git.commits import Commit
from codelm.history.filters.reverts import RevertDetector, is_bot


def commit(sha, message):
    return Commit(sha * 40, (), "Jo", "jo@example.com", 0, message, ())


def dropped(*commits):
    detector = RevertDetector()
    return [one.sha[0] for one in commits if detector.is_reverted_or_revert(one)]


@pytest.mark.parametrize(
    ("author", "email"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
        ("dependabot", "support@github.com"),
        ("Renovate Bot", "bot@renovateapp.com"),
        ("bors", "bors@rust-lang.org"),
        ("k8s-ci-bot", ""),
        ("GitHub Actions", "actions@github.com"),
        ("Our Robot", "ci-account@example.com"),
    ],
)
def test_programs_are_known_by_name_or_address(author, email):
    assert is_bot(author, email, other_bots=["CI-account"])


@pytest.mark.parametrize("author", ["Jo Abbot", "Talbot", "Bo Tyler", "robotics-fan", ""])
def test_people_are_not_taken_for_programs(author):
    assert not is_bot(author, "someone@example.com")


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
