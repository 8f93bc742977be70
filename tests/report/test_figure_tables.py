from codelm.report.figure_tables import cursor_table, infill_tables, likelihood_table
from codelm.report.side_effects import memorization, secrets


def test_the_compressor_s_bits_stand_under_the_models_for_the_same_lines(some_figures):
    likelihood = some_figures()["likelihood"]
    rows = likelihood_table(likelihood).rows
    assert ("the compressor xz, bits per byte", "1.702", "1.556") in rows
    assert ("xz knowing the repository, bits per byte", "1.251", "1.134") in rows
    rows = likelihood_table(likelihood | {"floors": None}).rows
    assert ("the compressor xz, bits per byte", "1.702", "\N{EN DASH}") in rows


def test_both_differences_have_their_interval_in_points(some_figures):
    found = some_figures()["holes"] | {"left_to_right": None}
    sentences = infill_tables(found)[0][1]
    assert "won 11, lost 4, same 81; 7.3 points of 100 (95 % interval 0.5 to 14.2)." in sentences
    assert "Similarity against the base: 5.2 points of 100 (95 % interval 1.4 to 9.1)." in sentences
    for name in ("exact_difference", "similarity_difference"):
        found["infill"][name] |= {"low": None, "high": None}
    assert infill_tables(found)[0][1].count("points of 100 (too few commits for an interval).") == 2


def test_chance_stands_beside_similarity_where_there_is_more_than_one_task(some_figures):
    for name, known in (("complete", True), ("lonely", False)):
        for _, sentences in infill_tables(some_figures(name)["holes"]):
            assert ("that of another are 22.4 alike: so much is chance." in sentences) is known


def test_windows_of_both_kinds_are_counted_and_what_training_made_of_the_difference(some_figures):
    found = some_figures()["memory"] | {"extraction_gap": {"base": 0.03, "tuned": 0.07}, "gap_from_training": 0.04}
    table = memorization(found)
    assert "of 100 windows trained on and 64 never seen" in table.caption
    assert ("of that, made by training", "\N{EN DASH}", "4\N{NO-BREAK SPACE}%") in table.rows
    assert "3 were tried, and none of them recited; the base recites none." in secrets(found["secrets"])


def test_each_shape_of_cursor_tasks_has_a_column(some_figures):
    table = cursor_table(some_figures()["cursor"])
    assert table.heads == ("", "to the end of the line", "inside the line")
    rows = {name: columns for name, *columns in table.rows}
    assert rows["tuned, bits per byte"] == ["2.200", "2.700"]
    assert rows["places"] == ["96", "96"]
    assert rows["95 % interval"] == ["\N{MINUS SIGN}11 to \N{MINUS SIGN}5", "\N{MINUS SIGN}13 to \N{MINUS SIGN}6"]
    alone = cursor_table(some_figures("lonely")["cursor"])
    assert alone.heads == ("", "to the end of the line")
    assert dict(alone.rows)["95 % interval"] == "\N{EN DASH}"
