import random
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.git.commits import Node
from codelm.history.split import ancestors, heads, split_commits


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


def first_parents(graph):
    parents = {node.sha: node.parents for node in graph}
    found, sha = set(), graph[-1].sha
    while sha in parents:
        found.add(sha)
        sha = next(iter(parents[sha]), None)
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


def test_a_history_in_one_merge_is_cut_within_what_it_brought_in():
    splits = split_commits([*line(50), Node("root", ()), Node("merge", ("root", "49"))], 0.1)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [46, 2, 3]
    assert (splits.cut, splits.within_branch) == ("44", True)


def test_the_commits_of_a_branch_stay_with_its_merge():
    graph = [*line(90), *(Node(f"b{n}", (f"b{n - 1}" if n else "3",)) for n in range(6)), Node("merge", ("89", "b5"))]
    graph += [Node("x0", ("merge",)), *(Node(f"x{n}", (f"x{n - 1}",)) for n in range(1, 4))]
    splits = split_commits(graph, 0.1)
    assert splits.cut == "89"
    assert splits.validation == tuple(f"b{n}" for n in reversed(range(6)))
    assert (splits.second_cut, splits.within_branch) == ("merge", False)


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
    assert splits.within_branch or {splits.cut, splits.second_cut} < first_parents(graph)


def released(releases, commits):
    """A git-flow project: its main line holds the merges of releases alone, work happens beside it."""
    graph, develop, main = [Node("0", ())], "0", "0"
    for release in range(releases):
        for step in range(commits):
            graph.append(Node(f"{release}.{step}", (develop,)))
            develop = graph[-1].sha
        graph.append(Node(f"release {release}", (main, develop)))
        main = graph[-1].sha
    return graph


def test_where_the_first_parent_line_holds_only_releases_a_cut_lies_within_their_branch():
    splits = split_commits(released(3, 70), 0.1)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [190, 10, 11]
    assert (splits.cut, splits.within_branch, splits.notice) == ("2.48", True, None)


def test_a_release_near_the_share_is_preferred_to_a_cut_within_its_branch():
    splits = split_commits(released(40, 5), 0.1)
    assert (splits.cut, splits.second_cut, splits.within_branch) == ("release 35", "release 37", False)


def merged_histories(count):
    """Random graphs of releases, of pull requests of all sizes and of neither, by a seed in sight."""
    for seed in range(count):
        chance = random.Random(seed)
        graph, main, number = [Node("0", ())], "0", 0
        size = chance.choice([1, 5, 30, 120])
        branch = main
        while number < 300:
            branch = chance.choice([branch, main])
            for _ in range(chance.randint(1, size)):
                number += 1
                graph.append(Node(str(number), (branch,)))
                branch = graph[-1].sha
            if chance.random() < 0.8:
                graph.append(Node(f"merge {number}", (main, branch)))
                main = graph[-1].sha
        graph.append(Node("last", (main, branch)))
        kept = reachable(graph, "last")
        yield [node for node in graph if node.sha in kept]


@pytest.mark.parametrize("held_out", [0.05, 0.1, 0.3])
def test_the_held_out_share_is_within_a_fifth_of_the_one_asked_for_or_a_line_says_why(held_out):
    for graph in merged_histories(500):
        total = sum(not node.is_merge for node in graph)
        splits = split_commits(graph, held_out)
        held = total - len(splits.train)
        assert abs(held - held_out * total) <= max(1, 0.2 * held_out * total) or splits.notice
        assert splits.notice is None or held == 4
        assert abs(len(splits.validation) - held / 2) <= max(1, 0.2 * held / 2)
        past = reachable(graph, *splits.train, splits.cut)
        assert past.isdisjoint(splits.validation + splits.test)


def test_a_share_that_cannot_be_had_is_said_in_a_line():
    assert split_commits(line(14), 0.1).notice == (
        "4 of 14 commits are held out (29%, where data.held_out asks for 10%), "
        "since validation and test get at least 2 each and training at least 1"
    )
    assert split_commits(line(100), 0.1).notice is None


class Visited(Node):
    """A commit that counts how often its parents are looked at."""

    visits = 0

    def __getattribute__(self, name):
        Visited.visits += name == "parents"
        return super().__getattribute__(name)


@pytest.mark.parametrize("commits", [1_000, 2_000, 4_000])
def test_each_commit_of_a_long_history_is_looked_at_a_few_times(commits):
    chance = random.Random(0)
    graph = [Visited("0", ())]
    for number in range(1, commits):
        parents = [graph[-1].sha, graph[-chance.randint(1, min(50, number))].sha][: chance.randint(1, 2)]
        graph.append(Visited(str(number), tuple(dict.fromkeys(parents))))
    Visited.visits = 0
    split_commits(graph, 0.1)
    assert commits < Visited.visits < 10 * commits


@given(histories(), st.floats(0.05, 0.6), st.data())
def test_nothing_that_was_learned_is_held_out(graph, held_out, data):
    known = ancestors(graph, [data.draw(st.sampled_from(graph)).sha])
    try:
        splits = split_commits(graph, held_out, known)
    except InputError:
        assume(False)
    assert not known & {*splits.validation, *splits.test}
    assert min(len(splits.validation), len(splits.test)) >= 2


@given(histories(), st.floats(0.05, 0.6))
def test_the_heads_of_the_training_split_lead_to_all_of_it_and_to_nothing_else(graph, held_out):
    try:
        splits = split_commits(graph, held_out)
    except InputError:
        assume(False)
    tops = heads(graph, splits)
    reached = {node.sha for node in graph if not node.is_merge} & ancestors(graph, tops)
    assert reached == set(splits.train)
    assert tops[0] == splits.cut


def test_a_cut_that_would_hold_out_what_was_learned_moves_behind_it():
    splits = split_commits(line(100), 0.3, ancestors(line(100), ["94"]))
    assert splits.train[0] == splits.cut == "94"
    assert splits.notice == (
        "5 of 100 commits are held out (5%, where data.held_out asks for 30%), since validation and test get at least "
        "2 each and training what was learned before, 95 commits"
    )


def test_too_few_commits_behind_what_was_learned_are_refused():
    split_commits(line(100), 0.1, ancestors(line(100), ["95"]))
    with pytest.raises(InputError, match="3 of 100 commits come after those that were learned before"):
        split_commits(line(100), 0.1, ancestors(line(100), ["96"]))


def test_ancestors_are_those_in_the_graph():
    graph = line(10)[5:]
    assert ancestors(graph, ["7", "2"]) == {"5", "6", "7"}
