from collections import Counter

import numpy as np

from codelm.git.commits import Change, Commit, Hunk
from codelm.history.filters.drops import DropCounts
from codelm.history.filters.near_duplicates import NearDuplicates, drop_near_duplicates
from codelm.lines import lines_of

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


def hunk(text):
    return Hunk(0, 0, (), tuple(lines_of(text)))


def held_out(*added):
    hunks = tuple(map(hunk, added))
    return Commit("c", (), "Jo", "", 0, "", (Change("a.rs", "a.rs", "M", "", "", "".join(added), hunks),))


def kept_of(*commits):
    near_duplicates, drops = NearDuplicates(), DropCounts()
    near_duplicates.add(FUNCTION)
    return list(drop_near_duplicates(commits, near_duplicates, drops)), drops


def test_a_held_out_hunk_that_is_a_near_duplicate_of_training_is_dropped():
    copied = FUNCTION.replace("path, error))", "path, cause))")
    kept, drops = kept_of(held_out(copied, OTHER))
    assert ["".join(hunk.added) for hunk in kept[0].changes[0].hunks] == [OTHER]
    assert drops == DropCounts(hunks=Counter({"near copy of training": 1}))


def test_a_commit_of_nothing_but_near_duplicates_is_counted():
    kept, drops = kept_of(held_out(FUNCTION), held_out(OTHER))
    assert kept == [held_out(OTHER)]
    assert drops.commits == drops.files == Counter({"only near copies of training": 1})


def test_a_line_or_two_of_a_few_words_may_repeat():
    short = "    let bytes = std::fs::read(path)?;\n"
    assert kept_of(held_out(short))[0] == [held_out(short)]


def test_white_space_and_signs_do_not_hide_a_near_duplicate():
    assert kept_of(held_out(" ".join(FUNCTION.split()).replace("{", "")))[0] == []


def test_without_training_text_or_words_nothing_is_contained():
    assert not NearDuplicates().contains(hunk(FUNCTION))
    assert kept_of(held_out("a\nb\nc\n"))[0] == [held_out("a\nb\nc\n")]


def test_much_text_is_remembered_once_and_compactly(monkeypatch):
    monkeypatch.setattr("codelm.history.filters.near_duplicates._MIN_PENDING", 5000)
    near_duplicates, words = NearDuplicates(), [f"w{number}" for number in range(2000)]
    for _ in range(10):
        near_duplicates.add(" ".join(words))
        assert len(near_duplicates.pending) <= 5000
    assert near_duplicates.contains(hunk(" ".join(words[1000:2000])))
    assert near_duplicates.known.dtype == np.uint64
    assert len(near_duplicates.known) == len(words) - 4
