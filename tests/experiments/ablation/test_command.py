import pytest

from codelm.errors import InputError
from experiments.ablation.command import ablate, experiment_of, main, parse_options
from experiments.ablation.measure import CommitNll, Measured
from experiments.ablation.results import Result, append
from experiments.ablation.trained import Trained


@pytest.fixture
def folder(make_repository, tmp_path):
    (tmp_path / "file").touch()
    return str(make_repository([{"a.rs": "x"}], name="fd"))


@pytest.fixture
def no_runs(monkeypatch):
    """Let nothing be trained, and list what would have been."""
    tried = []
    monkeypatch.setattr("experiments.ablation.runs.run_missing", lambda _, runs, *__: tried.extend(runs) or 0)
    return tried


@pytest.mark.parametrize("words", [["--steps", "0"], ["--tokens", "0"], ["--steps", "-3"], ["--seeds", "x"]])
def test_a_number_that_means_nothing_is_refused_in_words(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main([".", *words])
    assert caught.value.code == 2
    assert f"argument {words[0]}: {words[1]!r} is not a whole number of " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ["--work", "file/runs"],
            "--work .*file/runs/.* cannot be written: Not a directory; allow it, or give another",
        ),
        (["--work", "work", "--results", "file/of.jsonl"], "--results .*of.jsonl cannot be written"),
        (["--work", "work", "--table", "file/table.md"], "--table .*table.md cannot be written"),
        (["--work", "work", "--table", "."], "--table . is a folder; give the name of a file"),
        (["--only-table", "--table", "file/table.md"], "--table .*table.md cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_run(words, why, folder, no_runs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=why):
        ablate(parse_options([folder, *words]))
    assert no_runs == []


def test_a_table_of_nothing_is_a_failure_and_takes_no_tables_place(folder, no_runs, tmp_path, capsys):
    words = [folder, "--work", str(tmp_path), "--table", str(tmp_path / "t.md"), "--only-table"]
    experiment = experiment_of(parse_options(words))
    about = {"repository": "fd", "tip": experiment.tip, "base": "tiny", "steps": 240}
    measured = Measured("c" * 40, [CommitNll("1", "hole", 10, 5.0, 4.0)], [])
    append(tmp_path / "fd.jsonl", Result(experiment.key, "ours", 0, Trained(10, 5, 1.0), measured, about))
    assert main(words) == 0
    table = (tmp_path / "t.md").read_text()
    assert "in 1 test commit." in table
    capsys.readouterr()
    assert main([*words, "--steps", "30"]) == 1
    printed = capsys.readouterr()
    assert f"{tmp_path / 'fd.jsonl'} holds 1 run of another" in printed.err
    assert printed.out == ""
    assert (tmp_path / "t.md").read_text() == table


def test_a_range_of_which_only_the_end_would_be_taken_is_refused(folder):
    with pytest.raises(InputError, match=r"--revision HEAD\.\.HEAD is a range; give the newest commit alone"):
        experiment_of(parse_options([folder, "--revision", "HEAD..HEAD"]))


def test_a_base_of_other_weights_makes_another_experiment(folder, tmp_path):
    keys = set()
    for content in (b"one", b"other", b"one"):
        (tmp_path / "base").mkdir(exist_ok=True)
        (tmp_path / "base/model.safetensors").write_bytes(content)
        keys.add(experiment_of(parse_options([folder, "--base", str(tmp_path / "base")])).key)
    assert len(keys) == 2
    assert experiment_of(parse_options([folder, "--base", "bigcode/starcoder2-3b"])).base_digest == ""
