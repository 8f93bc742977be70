from importlib import import_module

import pytest

from experiments.torture.command import PARTS, SHORT, main, parse_options
from experiments.torture.rows import Row


def of(part, held):
    return lambda budget: iter([Row(part, f"share {budget.share:g}", 2, held)])


@pytest.mark.parametrize(("held", "status"), [(2, 0), (1, 1)])
def test_a_part_that_does_not_hold_is_the_exit_status_and_the_table_is_written(
    monkeypatch, tmp_path, capsys, held, status
):
    for name in PARTS:
        monkeypatch.setattr(f"experiments.torture.parts.{name}.rows", of(name, held))
    table = tmp_path / "reliability.md"
    assert main(["damage", "kills", "--short", "--table", str(table)]) == status
    assert capsys.readouterr().out.count(f"share {SHORT:g}: {held} of 2") == 2
    assert f"experiments.torture damage kills --short --table {table}" in table.read_text()


@pytest.mark.parametrize("words", [["nothing"], ["--share", "0"], ["--share", "2"], ["--share", "x"], ["--shor"]])
def test_wrong_options_are_refused(words, capsys):
    with pytest.raises(SystemExit) as refused:
        parse_options(words)
    assert refused.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_all_parts_are_tried_unless_some_are_named():
    assert parse_options(["--short"]).parts == list(PARTS)
    assert parse_options(["kills", "damage"]).parts == ["kills", "damage"]


def test_each_part_is_a_module():
    assert all(callable(import_module(f"experiments.torture.parts.{name}").rows) for name in PARTS)


def test_parts_that_were_tried_before_stay_in_the_table(monkeypatch, tmp_path):
    for name in PARTS:
        monkeypatch.setattr(f"experiments.torture.parts.{name}.rows", of(name, 2))
    files = ["--rows", str(tmp_path / "rows.jsonl"), "--table", str(tmp_path / "reliability.md")]
    assert main(["damage", "kills", "--share", "0.5", *files]) == 0
    assert main(["kills", "--share", "0.25", *files]) == 0
    text = (tmp_path / "reliability.md").read_text()
    assert (text.count("| share 0.5 |"), text.count("| share 0.25 |")) == (1, 1)
    assert text.index("## Damage") < text.index("share 0.5") < text.index("## Kills") < text.index("share 0.25")


def test_a_part_that_breaks_is_a_row_that_does_not_hold_and_the_next_is_tried(monkeypatch, capsys):
    def broken(budget):
        yield Row("damage", "first", 1, 1)
        raise ValueError("broken")

    monkeypatch.setattr("experiments.torture.parts.damage.rows", broken)
    monkeypatch.setattr("experiments.torture.parts.kills.rows", of("kills", 2))
    assert main(["damage", "kills"]) == 1
    said = capsys.readouterr().out
    assert "damage: first: 1 of 1" in said
    assert "did not hold: ValueError: broken" in said
    assert "kills: share 1: 2 of 2" in said
