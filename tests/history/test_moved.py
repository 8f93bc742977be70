import pytest

from codelm.errors import InputError
from codelm.git.repository import open_repository, read_graph
from codelm.history.moved import Moved, moved_history
from codelm.history.split import ancestors, split_commits

SHARES = (0.2, 0.2)


@pytest.fixture
def history(make_repository, git):
    """A repository of forty commits on a line, and the ids of its commits, the oldest first."""
    folder = make_repository([{"a.rs": f"fn a{number}() {{}}\n"} for number in range(40)])
    return folder, git(folder, "rev-list", "--reverse", "main").split()


def moved(folder, before, after, shares=SHARES, learned=(), *, was_kept=False):
    old, new = (open_repository(folder, revision) for revision in (before, after))
    known = ancestors(read_graph(old), learned)
    cut = None if was_kept else split_commits(read_graph(old), shares[0], known).cut
    return moved_history(old, new, shares, learned, cut)


def test_what_came_is_counted_and_what_was_held_out_may_be_learned_now(history):
    folder, shas = history
    # Of twenty commits the last four were held out, of forty the last eight.
    assert moved(folder, shas[19], "main") == Moved([shas[15]], trained=16, new=20, to_learn=16, held_out=8)


@pytest.mark.parametrize("now", [19, 12])
def test_nothing_is_new_where_the_tip_is_one_that_was_read(history, now):
    folder, shas = history
    assert moved(folder, shas[19], shas[now]) == Moved([shas[15]], trained=16)


def test_an_adapter_that_was_kept_has_learned_no_more_than_before(history):
    folder, shas = history
    after_a_refresh = moved(folder, shas[29], "main", learned=[shas[15]], was_kept=True)
    # It trained on eight commits more, of which that adapter knows nothing.
    assert after_a_refresh == Moved([shas[15]], trained=8, new=10, to_learn=16, held_out=8)
    assert moved(folder, shas[29], "main", learned=[shas[15]]) == Moved([shas[23]], 8, new=10, to_learn=8, held_out=8)


def test_a_larger_share_holds_out_nothing_that_was_learned(history):
    folder, shas = history
    found = moved(folder, shas[34], "main", (0.2, 0.7))
    assert (found.learned, found.to_learn, found.held_out) == ([shas[27]], 0, 12)


def test_a_history_that_was_rewritten_is_refused(history, git):
    folder, shas = history
    tree = git(folder, "rev-parse", f"{shas[10]}^{{tree}}")
    other = git(folder, "commit-tree", tree, "-p", shas[9], "-m", "Another")
    with pytest.raises(InputError, match=r"is no ancestor of .*: the history was rewritten, or this is another branch"):
        moved(folder, shas[19], other)


def test_a_range_is_compared_with_a_range(history):
    folder, shas = history
    found = moved(folder, f"{shas[4]}..{shas[24]}", f"{shas[4]}..main")
    assert found == Moved([shas[20]], trained=16, new=15, to_learn=12, held_out=7)


def test_a_cut_of_an_earlier_version_counts_as_learned_too(history):
    folder, shas = history
    opened = (open_repository(folder, revision) for revision in (shas[19], "main"))
    assert moved_history(*opened, SHARES, [], shas[17]).learned == [shas[15], shas[17]]


def test_too_few_commits_name_the_repository(history):
    folder, shas = history
    with pytest.raises(InputError, match=f"{folder.name}: 2 of 39 commits come after"):
        moved(folder, shas[38], "main", learned=[shas[36]], was_kept=True)
