import json

import pytest

from codelm.errors import InputError
from codelm.modules.precision import auto_precision
from experiments.bench import command
from experiments.bench.command import ROWS, inputs_of, main, parse_options
from experiments.bench.machine import commit_of, header
from experiments.bench.rounds import Measured
from experiments.bench.rows import BEFORE, THIS
from experiments.bench.tasks import ROOT

EVERYTHING = sorted(ROWS)


@pytest.fixture
def folder(make_repository, tmp_path):
    (tmp_path / "file").touch()
    return str(make_repository([{"a.rs": "x"}], name="fd"))


@pytest.fixture
def measured_rows(monkeypatch):
    """Let each row take two seconds, and list the rows."""
    rows = []

    def measure(row, inputs, rounds):
        rows.append((row.name, rounds))
        return Measured(row, {THIS: [{"seconds": 2.0}], "peer": []}, {"peer": "failed: x"} if rounds == 9 else {})

    monkeypatch.setattr(command, "measure", measure)
    return rows


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere"], "nowhere: no such folder"),
        ([".", "nowhere"], "nowhere: no such folder"),
        ([".", "--before", "file"], "--before file holds no codelm/__init__.py; give a checkout of an older commit"),
        ([".", "--table", "."], "--table . is a folder; give the name of a file"),
        ([".", "--table", "none/t.md"], "--table none/t.md cannot be written; give a file in a folder that can"),
    ],
)
def test_bad_input_ends_in_one_line(words, why, folder, measured_rows, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([folder if word == "." and not place else word for place, word in enumerate(words)]) == (
        InputError.exit_status
    )
    error = capsys.readouterr().err
    assert error.startswith("experiments.bench: ")
    assert why in error
    assert error.count("\n") == 1
    assert measured_rows == []


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--steps", "x"], ["--rows", "none"], ["--row", "step"]])
def test_an_option_that_means_nothing_is_refused(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main([".", *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_rows_are_measured_as_they_are_asked_for_each_once(folder, measured_rows, capsys, tmp_path):
    table = tmp_path / "t.md"
    assert main([folder, "--rows", "read", "store", "read", "--rounds", "2", "--table", str(table)]) == 0
    assert measured_rows == [("read", 2), ("store", 2)]
    assert capsys.readouterr().out == table.read_text()
    assert table.read_text().count("| 2.00 |") == 2


def test_all_rows_are_measured_by_default(folder, measured_rows):
    assert main([folder]) == 0
    assert measured_rows == [(name, 3) for name in ROWS]


def test_a_contender_that_failed_shows_in_the_status(folder, measured_rows):
    assert main([folder, "--rows", "read", "--rounds", "9"]) == 1


def tasks_of(row, *words, folder, scratch):
    contenders = ROWS[row].contenders(inputs_of(parse_options([folder, *words]), scratch))
    return {contender.name: [*contender.preparations, contender.task] for contender in contenders}


@pytest.mark.parametrize("row", EVERYTHING)
def test_every_row_begins_with_this_build_and_puts_the_older_one_beside_it(row, folder, tmp_path):
    alone = tasks_of(row, folder=folder, scratch=tmp_path)
    assert next(iter(alone)) == THIS
    assert BEFORE not in alone
    older = tmp_path / "older"
    (older / "codelm").mkdir(parents=True)
    (older / "codelm" / "__init__.py").touch()
    both = tasks_of(row, "--before", str(older), folder=folder, scratch=tmp_path)
    assert list(both)[:2] == [THIS, BEFORE]
    assert both[BEFORE][-1].build == older
    assert {task.build for name, tasks in both.items() if name != BEFORE for task in tasks} == {ROOT}


@pytest.mark.parametrize("row", EVERYTHING)
def test_every_task_can_be_told_to_a_process_and_names_a_function_that_is_there(row, folder, tmp_path):
    for tasks in tasks_of(row, folder=folder, scratch=tmp_path).values():
        for task in tasks:
            module, function = task.function.split(".")
            file = ROOT / "experiments" / "bench" / "children" / f"{module}.py"
            assert f"\ndef {function}(" in file.read_text("utf-8")
            assert json.loads(json.dumps(task.options)) == task.options


def test_training_is_compared_on_equal_weights_and_steps(folder, tmp_path):
    tasks = tasks_of("step-wide", "--steps", "4", folder=folder, scratch=tmp_path)
    options = [found[-1].options for found in tasks.values()]
    assert all(each == options[0] for each in options)
    assert options[0]["steps"] == 4


def test_the_header_names_threads_versions_and_commits(monkeypatch, tmp_path, make_repository):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    repository = make_repository([{"a.rs": "x"}])
    text = header({THIS: repository, BEFORE: tmp_path}, 5)
    assert "OMP_NUM_THREADS=3" in text
    assert "OMP_WAIT_POLICY" not in text
    assert f"this build {commit_of(repository)}, before of no commit; 5 rounds" in text
    assert f" cores, {auto_precision('cpu')}, " in text
    assert "torch 2." in text
    assert "\n" not in text


def test_a_build_with_changes_says_so(make_repository, git):
    repository = make_repository([{"a.rs": "x"}])
    git(repository, "reset", "-q", "--hard")
    assert commit_of(repository) == git(repository, "rev-parse", "--short=12", "HEAD")
    (repository / "a.rs").write_text("y")
    assert commit_of(repository).endswith(" and changes")
