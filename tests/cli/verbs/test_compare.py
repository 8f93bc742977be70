import json
import shutil

import pytest

from codelm.cli.entry_point import main
from codelm.files import hashes
from codelm.saved_run import sealed


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


def test_a_manifest_that_another_run_has_written_is_refused_where_the_adapter_shows_it(runs, capsys):
    for version in range(2):
        folder = runs / f"a/version_{version}"
        (folder / "adapter").mkdir()
        (folder / "adapter/adapter_model.safetensors").write_text(f"weights of {version}")
        manifest = {"codelm_manifest": 2, "adapter": {"sha256": hashes(folder / "adapter")}}
        (folder / "MANIFEST.json").write_text(json.dumps(sealed(manifest)))
    words = ["compare", "a/version_0", "a/version_1", f"--output={runs}"]
    assert main(words) == 0
    shutil.copy(runs / "a/version_0/MANIFEST.json", runs / "a/version_1")
    capsys.readouterr()
    assert main(words) == 3
    printed, error = capsys.readouterr()
    assert (printed, error.count("\n")) == ("", 1)
    assert "is not what a/version_1 saved, by its manifest" in error
    shutil.rmtree(runs / "a/version_1/adapter")
    assert main(words) == 0  # where it was taken away to save room, nothing shows that


def test_a_stranger_s_settings_do_not_act_on_the_terminal(runs, capsys):
    (runs / "a/version_1/config.yaml").write_text('model: {base: "x\\e[2J"}\n')
    assert main(["compare", "a/version_0", "a/version_1", f"--output={runs}"]) == 0
    printed = capsys.readouterr().out
    assert "x[2J" in printed
    assert "\x1b" not in printed


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
