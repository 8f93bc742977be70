import random
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.git.commits import Change, Commit, Hunk, Node
from codelm.history.filters.drops import Drops
from codelm.history.split import NearCopies, drop_near_copies, first_parents, split
from codelm.lines import lines_of


def line(length):
    return [Node(str(number), (str(number - 1),) if number else ()) for number in range(length)]


def reachable(graph, *tips):
    parents = {node.sha: node.parents for node in graph}
    found, waiting = set(), list(tips)
    while waiting:
        sha = waiting.pop()
        if sha in parents and sha not in found:
            found.add(sha)
            waiting.extend(parents[sha])
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


def test_a_straight_line_is_cut_by_the_numbers():
    parts = split(line(100), 0.1)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [90, 5, 5]
    assert parts.test == ("99", "98", "97", "96", "95")
    assert (parts.train[0], parts.validation[0]) == (parts.cut, parts.second_cut) == ("89", "94")


def test_ten_commits_are_just_enough():
    parts = split(line(10), 0.1)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [6, 2, 2]
    with pytest.raises(InputError, match=r"^9 commits .* at least 10"):
        split(line(9), 0.1)


def test_no_history_is_too_short_too():
    with pytest.raises(InputError, match=r"^0 commits"):
        split([], 0.1)


def test_one_commit_is_told_in_the_singular():
    with pytest.raises(InputError, match=r"^1 commit that is not a merge: at least 10"):
        split(line(1), 0.1)


@pytest.mark.parametrize("held_out", [0, 1, -0.5, float("nan")])
def test_a_share_lies_between_none_and_all(held_out):
    with pytest.raises(InputError, match="held_out"):
        split(line(100), held_out)


def test_a_history_in_one_merge_cannot_be_cut():
    graph = [*line(50), Node("root", ()), Node("merge", ("root", "49"))]
    with pytest.raises(InputError, match="too few places"):
        split(graph, 0.1)


def test_the_commits_of_a_branch_stay_with_its_merge():
    graph = [*line(90), *(Node(f"b{n}", (f"b{n - 1}" if n else "3",)) for n in range(6)), Node("merge", ("89", "b5"))]
    graph += [Node("x0", ("merge",)), *(Node(f"x{n}", (f"x{n - 1}",)) for n in range(1, 4))]
    parts = split(graph, 0.1)
    assert parts.cut == "89"
    assert parts.validation == tuple(f"b{n}" for n in reversed(range(6)))
    assert parts.second_cut == "merge"


def test_a_range_is_cut_like_a_whole_history():
    assert split(line(200)[100:], 0.1).test == ("199", "198", "197", "196", "195")


@given(histories(), st.sampled_from([0.1, 0.2, 0.5]))
def test_no_held_out_commit_comes_before_one_that_is_learned(graph, held_out):
    try:
        parts = split(graph, held_out)
    except InputError:
        assume(False)
    past = reachable(graph, *parts.train, parts.cut)
    assert past.isdisjoint(parts.validation + parts.test)
    assert reachable(graph, *parts.validation, parts.second_cut).isdisjoint(parts.test)


@given(histories())
def test_every_commit_that_is_no_merge_is_in_one_part_newest_first(graph):
    try:
        parts = split(graph, 0.1)
    except InputError:
        assume(False)
    shas = [node.sha for node in reversed(graph) if not node.is_merge]
    assert Counter(parts.train + parts.validation + parts.test) == Counter(shas)
    for part in (parts.train, parts.validation, parts.test):
        assert list(part) == [sha for sha in shas if sha in part]
    assert parts.train
    assert min(len(parts.validation), len(parts.test)) >= 2
    assert {parts.cut, parts.second_cut} < set(first_parents(graph))


def test_a_long_history_is_cut_in_well_under_a_second():
    chance = random.Random(0)
    graph = [Node("0", ())]
    for number in range(1, 25_000):
        parents = [graph[-1].sha, graph[-chance.randint(1, min(50, number))].sha][: chance.randint(1, 2)]
        graph.append(Node(str(number), tuple(dict.fromkeys(parents))))
    started = time.perf_counter()
    split(graph, 0.1)
    assert time.perf_counter() - started < 1


FUNCTION = """
fn read_the_index(path: &Path) -> Result<Index, Error> {
    let bytes = std::fs::read(path)?;
    Index::parse(&bytes).map_err(|error| Error::damaged(path, error))
}
"""
OTHER = """
pub struct Window { width: u32, height: u32 }
impl Window { pub const fn area(&self) -> u32 { self.width * self.height } }
"""


def held_out(*added):
    hunks = tuple(Hunk(0, 0, (), tuple(lines_of(text))) for text in added)
    return Commit("c", (), "Jo", "", 0, "", (Change("a.rs", "a.rs", "M", "", "", "".join(added), hunks),))


def examined(*commits):
    copies, drops = NearCopies(), Drops()
    copies.learn(FUNCTION)
    return list(drop_near_copies(commits, copies, drops)), drops


def test_a_held_out_hunk_that_training_all_but_holds_is_dropped():
    copied = FUNCTION.replace("path, error))", "path, cause))")
    kept, drops = examined(held_out(copied, OTHER))
    assert ["".join(hunk.added) for hunk in kept[0].changes[0].hunks] == [OTHER]
    assert drops == Drops(hunks=Counter({"near copy of training": 1}))


def test_a_commit_of_nothing_but_copies_is_counted():
    kept, drops = examined(held_out(FUNCTION), held_out(OTHER))
    assert kept == [held_out(OTHER)]
    assert drops.commits == drops.files == Counter({"only near copies of training": 1})


def test_a_line_or_two_of_a_few_words_may_repeat():
    short = "    let bytes = std::fs::read(path)?;\n"
    assert examined(held_out(short))[0] == [held_out(short)]


def test_white_space_and_signs_do_not_hide_a_copy():
    copies = NearCopies()
    copies.learn(FUNCTION)
    assert copies.containment(" ".join(FUNCTION.split()).replace("{", "")) == 1.0
    assert copies.containment(OTHER) == 0.0
    assert copies.containment("too few words") == 0.0


def test_nothing_learned_holds_nothing():
    assert NearCopies().containment(FUNCTION) == 0.0


def test_much_text_is_remembered_once_and_compactly(monkeypatch):
    monkeypatch.setattr("codelm.history.split.BATCH", 5000)
    copies, words = NearCopies(), [f"w{number}" for number in range(2000)]
    for _ in range(10):
        copies.learn(" ".join(words))
        assert copies.count_waiting <= 5000
    assert copies.containment(" ".join(words[1000:2000])) == 1.0
    assert copies.known.dtype == np.uint64
    assert len(copies.known) == len(words) - 4
