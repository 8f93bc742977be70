import re
from pathlib import Path

import pytest

from experiments.bench.command import ROWS
from experiments.bench.rounds import Measured
from experiments.bench.rows import BEFORE, MEMORY, SECONDS, THIS, Better, Quantity, Row
from experiments.bench.table import INTRODUCTION, median_with_range, page, row_list, table

DOCS = Path(__file__).parents[3] / "docs" / "benchmarks.md"
SPEED = Quantity("speed", "tokens/s", Better.MORE)
ROW = Row("step", "a training step", (SECONDS, SPEED, Quantity("holes", "holes filled")), lambda inputs: [])


def lines(outcomes, absences=None, row=ROW):
    """The cells of the table's lines, in tuples."""
    written = table([Measured(row, outcomes, absences or {})])
    return [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in written.splitlines()[2:]]


def test_a_ratio_above_one_says_that_this_build_is_the_better_one():
    ours, others = {"seconds": 2.0, "speed": 300.0, "holes": 5}, {"seconds": 3.0, "speed": 200.0, "holes": 5}
    assert lines({THIS: [ours], BEFORE: [others]}) == [
        ("step", "seconds", "2.00", BEFORE, "3.00", "1.50"),
        ("step", "tokens/s", "300", BEFORE, "200", "1.50"),
        ("step", "holes filled", "5", BEFORE, "5", ""),
    ]


def test_figures_are_medians_of_the_rounds_and_so_are_ratios():
    ours = [{"seconds": seconds} for seconds in (9.0, 1.0, 2.0)]
    others = [{"seconds": seconds} for seconds in (4.0, 0.5, 100.0)]
    [line] = lines({THIS: ours, BEFORE: others})
    assert line == ("step", "seconds", "2.00 (1.00 to 9.00)", BEFORE, "4.00 (0.50 to 100.00)", "2.00")


def test_a_row_without_others_has_one_line_a_quantity():
    assert lines({THIS: [{"seconds": 2.0}]}) == [("step", "seconds", "2.00", "", "", "")]


def test_a_peer_that_is_not_installed_is_named_with_what_installs_it():
    found = lines({THIS: [{"seconds": 2.0}], "TRL": []}, {"TRL": "not installed: pip install trl"})
    assert found == [
        ("step", "", "", "TRL", "not installed: pip install trl", ""),
        ("step", "seconds", "2.00", "", "", ""),
    ]


def test_a_quantity_is_put_beside_those_alone_that_have_it():
    found = lines({THIS: [{"seconds": 2.0, "holes": 5}], "git": [{"seconds": 1.0}], "TRL": [{"seconds": 4.0}]})
    assert [(line[1], line[3], line[5]) for line in found] == [
        ("seconds", "git", "0.50"),
        ("seconds", "TRL", "2.00"),
        ("holes filled", "", ""),
    ]


def test_what_the_other_alone_has_shows_as_missing_here():
    found = lines({THIS: [{"seconds": 2.0}], BEFORE: [{"seconds": 2.0, "holes": 5}]})
    assert found[1:] == [("step", "holes filled", "-", BEFORE, "5", "")]


def test_where_this_build_failed_that_is_all_there_is():
    found = lines({THIS: [], BEFORE: [{"seconds": 1.0}]}, {THIS: "failed: KeyError: 'a|b'"})
    assert len(found) == 1
    assert r"failed: KeyError: 'a\|b'" in table([Measured(ROW, {THIS: []}, {THIS: "failed: KeyError: 'a|b'"})])


def test_losses_of_the_two_builds_are_compared_step_by_step():
    ours, others = {"losses": [3.0, 2.0, 1.0]}, {"losses": [3.0, 2.25, 1.125]}
    assert lines({THIS: [ours], BEFORE: [others], "TRL": [{"losses": [9.0]}]}) == [
        ("step", "largest difference of loss in 3 steps", "", BEFORE, "2.5e-01", "")
    ]


@pytest.mark.parametrize("others", [{}, {BEFORE: [{}]}, {"TRL": [{"losses": [2.0]}]}])
def test_losses_need_two_builds(others):
    assert lines({THIS: [{"losses": [3.0]}], **others}) == []


def test_no_loss_is_compared_with_one_that_failed():
    [line] = lines({THIS: [{"losses": [3.0]}], BEFORE: []}, {BEFORE: "failed: x"})
    assert line == ("step", "", "", BEFORE, "failed: x", "")


def test_equal_figures_are_written_once():
    assert median_with_range([1.0, 1.001], 2) == "1.00"
    assert median_with_range([1.0, 1.1], 2) == "1.05 (1.00 to 1.10)"


def test_the_page_has_machine_works_and_table():
    text = page("a machine.", [Measured(ROW, {THIS: [{"seconds": 2.0}]}, {})])
    assert text.startswith(INTRODUCTION)
    assert "\n\na machine.\n\n* step: a training step\n\n| row | measured | this build |" in text


def test_names_of_rows_are_short_and_every_row_has_something_to_measure():
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)?", name) for name in ROWS)
    assert all(row.quantities for row in ROWS.values())
    assert MEMORY in ROWS["step"].quantities


@pytest.mark.skipif(not DOCS.is_file(), reason="an installed package has no docs")
def test_the_docs_hold_what_the_command_says_of_its_rows():
    text = DOCS.read_text("utf-8")
    assert text.startswith(INTRODUCTION)
    assert row_list(list(ROWS.values())) in text
