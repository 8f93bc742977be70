"""The tables of all figures."""

from codelm.report.costs import memory
from codelm.report.figures import hole_tables, likelihood_table


def test_the_compressor_s_bits_stand_under_the_models_for_the_same_lines(some_figures):
    likelihood = some_figures()["likelihood"]
    html = likelihood_table(likelihood)
    assert "the compressor xz, bits per byte</th><td>1.702</td><td>1.556</td>" in html
    assert "xz knowing the repository, bits per byte</th><td>1.251</td><td>1.134</td>" in html
    html = likelihood_table(likelihood | {"floors": None})
    assert "the compressor xz, bits per byte</th><td>1.702</td><td>\N{EN DASH}</td>" in html


def test_how_sure_both_differences_are_is_told_in_points(some_figures):
    found = some_figures()["holes"] | {"left_to_right": None}
    html = "".join(map(str, hole_tables(found)))
    assert "won 11, lost 4, same 81; 7.3 points of 100 (95 % interval 0.5 to 14.2)." in html
    assert "Similarity against the base: 5.2 points of 100 (95 % interval 1.4 to 9.1)." in html
    for name in ("exact_difference", "similarity_difference"):
        found["infill"][name] |= {"low": None, "high": None}
    assert "".join(map(str, hole_tables(found))).count("points of 100 (too few commits for an interval).") == 2


def test_chance_stands_beside_similarity_where_there_is_more_than_one_hole(some_figures):
    for name, known in (("complete", True), ("lonely", False)):
        holes = some_figures(name)["holes"]
        html = "".join(map(str, hole_tables(holes)))
        assert ("that of another are 22.4 alike: so much is chance." in html) is known


def test_windows_of_both_kinds_are_counted_and_what_training_made_of_the_difference(some_figures):
    found = some_figures()["memory"] | {"extraction_gap": {"base": 0.03, "tuned": 0.07}, "gap_from_training": 0.04}
    html = memory(found)
    assert "of 100 windows trained on and 64 never seen" in html
    assert "made by training</th><td>\N{EN DASH}</td><td>4\N{NO-BREAK SPACE}%</td>" in html
    assert "3 were tried, and none of them recited; the base recites none." in html
