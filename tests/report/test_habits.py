import re

import pytest

from codelm.report.habits import derives, habits, measures


def rows(markup):
    """The cells of a table's body, row by row, without their tags."""
    return [re.findall(r"<t[hd].*?>(.*?)</", row) for row in markup.partition("<tbody>")[2].split("<tr>")[1:]]


def test_each_measure_that_is_known_by_name_is_shown():
    found = {
        "lifetime_complexity": {"repository": 0.22, "base": 0.04, "tuned": 0.13},
        "with_lifetime": {"repository": 0.17, "base": 0.03, "tuned": 0.11},
        "question_mark_share": {"repository": 0.81, "base": 0.32, "tuned": None},
    }
    assert rows(measures(found))[:2] == [
        ["named lifetimes (&#x27;static too), per function", "0.22", "0.04", "0.13"],
        ["functions that name a lifetime, as a share of all", "0.17", "0.03", "0.11"],
    ]


def test_what_is_derived_together_is_shown_with_the_number_of_lists():
    strip = [{"derive": "Clone, <Debug>", "repository": 41.2, "base": 9.4, "tuned": 29.0}]
    shown = derives({"counts": {"repository": 1200, "base": 32, "tuned": 31}, "strip": strip})
    assert "in percent of 1,200 lists of the repository, 32 of the base and 31 of the tuned model" in shown
    assert rows(shown) == [["Clone, &lt;Debug&gt;", "41", "9", "29"]]


@pytest.mark.parametrize("found", [None, {}])
def test_where_nothing_is_derived_nothing_is_shown(found):
    assert derives(found) == ""


def test_of_too_few_functions_nothing_is_compared_and_that_is_said(some_figures):
    shown = habits(some_figures("lonely")["idioms"])
    assert shown == (
        "<p>7 functions of the base and 3 of the tuned model: too few to compare idioms, which takes 25.</p>"
    )


def test_why_no_gap_was_closed_is_said(some_figures):
    idioms = some_figures()["idioms"]
    assert "itself are 0.021 bits away: 38\xa0% of the gap is closed." in habits(idioms)
    assert "itself are 0.021 bits away: the base is hardly farther." in habits(idioms | {"gap_closed": None})
    idioms |= {"gap_closed": None, "distance": idioms["distance"] | {"real": None}}
    idioms["functions"] |= {"held_out": 12}
    assert "The repository itself added 12 functions later: too few to say how near a model can come." in habits(idioms)
    assert "\N{EN DASH} bits" not in habits(idioms)
