import json

import pytest

from codelm.cli.entry_point import main


@pytest.fixture
def runs(tmp_path):
    for version, loss in enumerate((2.0, 1.5)):
        folder = tmp_path / "a" / f"version_{version}"
        folder.mkdir(parents=True)
        stats = {"final_val_loss": loss, "final_perplexity": 7.0}
        manifest = {"codelm_manifest": 1, "status": "completed"}
        phases = {"phase_results": {"phase_4_training": {"training_stats": stats}}}
        (folder / "MANIFEST.json").write_text(json.dumps(manifest | phases))
        (folder / "config.yaml").write_text(f"model: {{lora: {{r: {8 << version}}}}}\noutput: runs\n")
    return tmp_path


def test_runs_are_shown_side_by_side(runs, capsys):
    assert main(["compare", "a/version_0", "a/version_1", "--output", str(runs)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["a/version_0", "a/version_1"] in lines
    assert ["status", "completed", "completed"] in lines
    assert ["model.lora.r", "8", "16"] in lines
    assert ["validation", "loss,", "nats", "per", "token", "2.0000", "1.5000", "*"] in lines


def test_equal_settings_are_said_to_be_equal(runs, capsys):
    assert main(["compare", "a", "a/version_1", f"--output={runs}"]) == 0
    assert "the settings are equal" in capsys.readouterr().out


def test_json_holds_the_same(runs, capsys):
    assert main(["compare", str(runs / "a/version_0"), str(runs / "a/version_1"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == ["a/version_0", "a/version_1"]
    assert found["settings"] == {"model.lora.r": [8, 16]}
    assert found["results"][0]["values"] == [2.0, 1.5]
    assert found["results"][0]["best"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "two runs or more"),
        (["a"], "two runs or more"),
        (["a", "b"], "no run 'b'"),
        (["--jsn"], "did you mean --json"),
        (["--output"], "expected one argument"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(runs, capsys, arguments, message):
    given = arguments if "--output" in arguments else [*arguments, "--output", str(runs)]
    assert main(["compare", *given]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_help_says_how(capsys):
    assert main(["compare", "--help"]) == 0
    assert "codelm compare ripgrep/version_0 ripgrep/version_1" in capsys.readouterr().out
