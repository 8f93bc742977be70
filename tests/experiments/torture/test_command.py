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


def test_each_part_is_a_module():
    assert all(callable(import_module(f"experiments.torture.parts.{name}").rows) for name in PARTS)
