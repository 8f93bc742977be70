"""The tables of all figures."""

from codelm.evaluation.page.figures import hole_tables

WORDS = "taken by rustc"


def test_rustc_has_a_row_only_where_it_was_asked(some_figures):
    found = some_figures()["holes"]

    def html():
        return "".join(map(str, hole_tables(found)))

    columns = found["infill"]
    assert WORDS not in html()
    columns["base"]["rustc"] = columns["tuned"]["rustc"] = None
    assert WORDS not in html()
    columns["tuned"]["rustc"] = 0.875
    assert html().count(WORDS) == 1
    assert "88" in html().split(WORDS)[1].split("</tr>")[0]
