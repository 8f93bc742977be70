import pytest

from codelm.git.commits import Change, Commit, File, Hunk
from codelm.history.filters.drops import DropCounts
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.filters.selection import filter_commits, filter_files
from codelm.history.filters.settings import Filters
from tests.history.filters.credentials import CREDENTIALS

SECRET = CREDENTIALS["GitHub personal"] + "\n"
DATA = "0x01, " * 400 + "\n"
GOOD = "fn good() -> Option<u32> {\n    None\n}\n"


def kept(text, judged, blob="1", path="a.rs", **settings):
    hunk = Hunk(0, 0, (), tuple(text.splitlines(keepends=True)))
    change = Change(path, path, "A", "0", blob, text, (hunk,))
    commit = Commit("c", (), "Ann", "ann@example.org", 0, "Add", (change,))
    return len(list(filter_commits([commit], Filters(**settings), DropCounts(), judged=judged)))


def test_what_was_judged_is_not_judged_again(monkeypatch):
    first = JudgedTexts()
    assert kept(GOOD, first) == 1
    again = JudgedTexts(known=first.passed)
    monkeypatch.setattr(
        "codelm.history.filters.selection._content_reason", lambda *_: pytest.fail("the text was judged again")
    )
    assert kept(GOOD, again) == 1
    assert again.passed == first.passed


@pytest.mark.parametrize("text", [SECRET, DATA], ids=["secret", "data"])
def test_what_a_filter_left_out_is_left_out_again(text):
    first = JudgedTexts()
    assert kept(text, first) == 0
    assert kept(text, JudgedTexts(known=first.passed)) == 0


@pytest.mark.parametrize(
    "other",
    [{"blob": "2"}, {"path": "b.rs"}, {"max_data_run": 1}, {"max_mean_line": 1.0}, {"min_letters": 1.0}],
    ids=str,
)
def test_another_text_path_or_limit_is_judged_anew(other):
    first = JudgedTexts()
    assert kept(GOOD, first) == 1
    again = JudgedTexts(known=first.passed)
    kept(GOOD, again, **other)
    assert again.passed != first.passed


def test_files_and_changes_share_what_was_judged():
    judged = JudgedTexts()
    kept(GOOD, judged)
    before = set(judged.passed)
    assert list(filter_files([File("a.rs", "1", GOOD)], Filters(), DropCounts(), judged))
    assert set(judged.passed) == before


def test_a_text_without_an_id_is_always_judged():
    judged = JudgedTexts()
    assert judged.judge("rule", "", lambda: None) is None
    assert set(judged.passed) == set()
