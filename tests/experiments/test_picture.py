import json

import pytest

from codelm.errors import InputError

pytest.importorskip("matplotlib")


@pytest.fixture
def run(tmp_path):
    """The folder of a finished run."""
    training = {
        "training_stats": {"base_val_loss": 2.0, "final_val_loss": 1.5},
        "history": [{"step": 10, "val_loss": 1.6}, {"step": 20, "val_loss": 1.5}],
    }
    phases = {"phase_1_scrape": {"repositories": [{"name": "ripgrep"}]}, "phase_4_training": training}
    (tmp_path / "run").mkdir()
    (tmp_path / "run/MANIFEST.json").write_text(json.dumps({"phase_results": phases}))
    return tmp_path / "run"


def test_the_same_runs_give_the_same_picture(run, tmp_path):
    from experiments.picture import main

    for name in ("one.svg", "two.svg"):
        assert main([str(tmp_path / name), str(run), str(run)]) == 0
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_bad_input_ends_in_one_line(run, tmp_path, capsys):
    from experiments.picture import main

    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "MANIFEST.json").write_text("{}")
    for words, message in (
        (["one.svg", tmp_path], f"{tmp_path} holds no manifest of a finished run"),
        (["one.svg", unfinished], f"{unfinished} holds no manifest of a finished run"),
        ([tmp_path / "nowhere/one.svg", run], "one.svg cannot be written"),
        ([tmp_path / "one.odd", run], "one.odd cannot be written"),
    ):
        assert main([str(word) for word in words]) == InputError.exit_status
        error = capsys.readouterr().err
        assert error.startswith("experiments.picture: ")
        assert message in error
        assert error.count("\n") == 1
