import random
import time
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.git.commits import Node
from codelm.history.split import first_parents, split_commits


def line(length):
    return [Node(str(number), (str(number - 1),) if number else ()) for number in range(length)]


def reachable(graph, *tips):
    parents = {node.sha: node.parents for node in graph}
    found, unvisited = set(), list(tips)
    while unvisited:
        sha = unvisited.pop()
        if sha in parents and sha not in found:
            found.add(sha)
            unvisited.extend(parents[sha])
    return found


@st.composite
def histories(draw):
    """Graphs with branches, merges of two and three, several roots; all reachable from the last commit."""
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    graph = [Node("0", ())]
    for number in range(1, draw(st.integers(12, 60))):
        recent = [node.sha for node in graph[-6:]]
        count = chance.choices([0, 1, 2, 3], [1, 20, 6, 1])[0]
        graph.append(Node(str(number), tuple(chance.sample(recent, min(count, len(recent))))))
    kept = reachable(graph, graph[-1].sha)
    return [node for node in graph if node.sha in kept]


def test_a_straight_line_is_split_by_the_numbers_of_commits():
    splits = split_commits(line(100), 0.1)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [90, 5, 5]
    assert splits.test == ("99", "98", "97", "96", "95")
    assert (splits.train[0], splits.validation[0]) == (splits.cut, splits.second_cut) == ("89", "94")


def test_ten_commits_are_just_enough():
    splits = split_commits(line(10), 0.1)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [6, 2, 2]


@pytest.mark.parametrize(("length", "said"), [(9, "9 commits"), (0, "0 commits"), (1, "1 commit that is not a merge:")])
def test_fewer_are_refused_and_one_is_reported_in_the_singular(length, said):
    with pytest.raises(InputError, match=f"^{said}.* at least 10"):
        split_commits(line(length), 0.1)


@pytest.mark.parametrize("held_out", [0, 1, -0.5, float("nan")])
def test_a_share_lies_between_none_and_all(held_out):
    with pytest.raises(InputError, match="held_out"):
        split_commits(line(100), held_out)


def test_a_history_in_one_merge_cannot_be_cut():
    graph = [*line(50), Node("root", ()), Node("merge", ("root", "49"))]
    with pytest.raises(InputError, match="too few places"):
        split_commits(graph, 0.1)


def test_the_commits_of_a_branch_stay_with_its_merge():
    graph = [*line(90), *(Node(f"b{n}", (f"b{n - 1}" if n else "3",)) for n in range(6)), Node("merge", ("89", "b5"))]
    graph += [Node("x0", ("merge",)), *(Node(f"x{n}", (f"x{n - 1}",)) for n in range(1, 4))]
    splits = split_commits(graph, 0.1)
    assert splits.cut == "89"
    assert splits.validation == tuple(f"b{n}" for n in reversed(range(6)))
    assert splits.second_cut == "merge"


def test_a_range_is_cut_like_a_whole_history():
    assert split_commits(line(200)[100:], 0.1).test == ("199", "198", "197", "196", "195")


@given(histories(), st.sampled_from([0.1, 0.2, 0.5]))
def test_no_held_out_commit_comes_before_a_training_commit(graph, held_out):
    try:
        splits = split_commits(graph, held_out)
    except InputError:
        assume(False)
    past = reachable(graph, *splits.train, splits.cut)
    assert past.isdisjoint(splits.validation + splits.test)
    assert reachable(graph, *splits.validation, splits.second_cut).isdisjoint(splits.test)


@given(histories())
def test_every_commit_that_is_no_merge_is_in_one_split_newest_first(graph):
    try:
        splits = split_commits(graph, 0.1)
    except InputError:
        assume(False)
    shas = [node.sha for node in reversed(graph) if not node.is_merge]
    assert Counter(splits.train + splits.validation + splits.test) == Counter(shas)
    for split in (splits.train, splits.validation, splits.test):
        assert list(split) == [sha for sha in shas if sha in split]
    assert splits.train
    assert min(len(splits.validation), len(splits.test)) >= 2
    assert {splits.cut, splits.second_cut} < set(first_parents(graph))


def test_a_long_history_is_cut_in_well_under_a_second():
    chance = random.Random(0)
    graph = [Node("0", ())]
    for number in range(1, 25_000):
        parents = [graph[-1].sha, graph[-chance.randint(1, min(50, number))].sha][: chance.randint(1, 2)]
        graph.append(Node(str(number), tuple(dict.fromkeys(parents))))
    started = time.perf_counter()
    split_commits(graph, 0.1)
    assert time.perf_counter() - started < 1
