import pytest

from codelm.report.idioms import idiom_summary, idiom_tables
from codelm.report.page import page


def test_each_measure_that_is_known_by_name_is_shown():
    found = {
        "lifetime_complexity": {"repository": 0.22, "base": 0.04, "tuned": 0.13},
        "with_lifetime": {"repository": 0.17, "base": 0.03, "tuned": 0.11},
        "question_mark_share": {"repository": 0.81, "base": 0.32, "tuned": None},
    }
    (table,) = idiom_tables({"distance": {}, "measures": found})
    assert table.rows[:2] == [
        ("named lifetimes ('static too), per function", "0.22", "0.04", "0.13"),
        ("functions that name a lifetime, as a share of all", "0.17", "0.03", "0.11"),
    ]


def test_what_is_derived_together_is_shown_with_the_number_of_lists():
    strip = [{"derive": "Clone, <Debug>", "repository": 41.2, "base": 9.4, "tuned": 29.0}]
    counts = {"repository": 1200, "base": 32, "tuned": 31}
    (shown,) = idiom_tables({"distance": None, "derives": {"counts": counts, "strip": strip}})
    assert "in percent of 1,200 lists of the repository, 32 of the base and 31 of the tuned model" in shown.caption
    assert shown.rows == [("Clone, <Debug>", "41", "9", "29")]


@pytest.mark.parametrize("found", [None, {}])
def test_where_nothing_is_derived_nothing_is_shown(some_figures, found):
    assert [table.caption for table in idiom_tables(some_figures()["idioms"] | {"derives": found})] == [
        "More is not better: closer to the repository is"
    ]


def test_too_few_functions_are_not_compared_and_the_page_says_so(some_figures):
    idioms = some_figures("lonely")["idioms"]
    sentence = "7 functions of the base and 3 of the tuned model: too few to compare idioms, which takes 25."
    assert idiom_summary(idioms) == sentence
    assert idiom_tables(idioms) == []
    assert f"<p>{sentence}</p></section>" in page(some_figures("lonely")).replace("\n", "")


def test_the_reason_why_no_gap_was_closed_is_given(some_figures):
    idioms = some_figures()["idioms"]
    assert "itself are 0.021 bits away: 38\xa0% of the gap is closed." in idiom_summary(idioms)
    assert "itself are 0.021 bits away: the base is hardly farther." in idiom_summary(idioms | {"gap_closed": None})
    idioms |= {"gap_closed": None, "distance": idioms["distance"] | {"real": None}}
    idioms["functions"] |= {"held_out": 12}
    sentences = idiom_summary(idioms)
    assert "The repository itself added 12 functions later: too few to say how near a model can come." in sentences
    assert "\N{EN DASH} bits" not in sentences
