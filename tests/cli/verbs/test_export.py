import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from codelm.cli.entry_point import main


@pytest.fixture
def runs(tuned_run, tmp_path):
    """A folder with one finished run."""
    shutil.copytree(tuned_run[0], tmp_path / "runs" / "numbers" / "version_0")
    return tmp_path / "runs"


@pytest.fixture
def command(runs, capsys):
    """Run the command without measuring, and return its status and what it printed."""

    def run(*arguments):
        status = main(["export", *map(str, arguments), "--tokens=0", f"--output={runs}", "--quiet"])
        return status, capsys.readouterr()

    return run


def test_a_run_is_exported_into_its_folder(command, runs):
    status, printed = command("numbers")
    folder = runs / "numbers" / "version_0" / "export" / "merged"
    assert status == 0
    lines = dict(line.split(maxsplit=1) for line in printed.out.splitlines() if not line.startswith("held out"))
    assert lines["export"] == str(folder)
    assert lines["run"] == "numbers/version_0, completed"
    assert lines["size"].endswith("MB in 7 files")
    assert "held out   not measured: as was asked for" in printed.out
    assert printed.err == ""
    assert json.loads((folder / "export.json").read_text())["type"] == "f16"


def test_the_newest_run_is_meant_where_none_is_named(command, tmp_path):
    assert command("--to", tmp_path / "out", "--format", "adapter")[0] == 0
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_an_export_is_replaced_by_force_alone(command, tmp_path):
    to = ["--to", tmp_path / "out", "--format", "adapter"]
    assert command(*to)[0] == 0
    status, printed = command(*to)
    assert status == 2
    taken = f"{tmp_path / 'out'} holds an export: replace it with --force, or give another folder with --to"
    assert printed.err == f"codelm: error: {taken}\n"
    assert command(*to, "--force")[0] == 0


def test_what_was_measured_is_printed(monkeypatch, runs, capsys, tmp_path):
    found = {"before": 1.0, "after": 1.0123, "change_percent": 1.23, "commits": 7, "bytes": 12345, "interval": None}
    record = {"files": {"a": "", "b": ""}, "largest_logit_difference": 0.0125, "held_out": found, "not_measured": None}
    asked = []

    def fake(source, options, folder, **given):
        asked.append((options, given))
        return record

    monkeypatch.setattr("codelm.export.export.export", fake)
    arguments = ["--format", "gguf", "--type", "q8_0", "--merge", "exact", "--tokens", "5"]
    assert main(["export", "numbers", f"--output={runs}", *arguments, "--to", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "read back  largest difference of a logit 0.013\n" in printed
    assert "held out   before 1.0000 -> after 1.0123 bits per byte (+1.23 %) over 7 commits, 12,345 bytes\n" in printed
    [(options, given)] = asked
    assert (options.format, options.type, options.exact) == ("gguf", "q8_0", True)
    assert given == {"tokens": 5, "force": False}


def test_the_base_of_a_run_is_found_by_the_link_beside_it(monkeypatch, runs, tmp_path, roomy_base):
    folder = runs / "numbers" / "version_0"
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    manifest["model"]["base"] = "own"
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))
    (folder / "base.own").symlink_to(roomy_base, target_is_directory=True)
    seen = []
    record = {"files": {}, "largest_logit_difference": None, "held_out": None, "not_measured": "x"}
    monkeypatch.setattr("codelm.export.export.export", lambda source, *_, **__: seen.append(source) or record)
    assert main(["export", f"--output={runs}"]) == 0
    assert main(["export", f"--output={runs}", "--base", str(tmp_path)]) == 0
    assert [(each.base, each.base_name) for each in seen] == [(str(roomy_base), "own"), (str(tmp_path), "own")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["other"], "no run 'other'"),
        (["--format", "onnx"], "choose from"),
        (["--typ", "f16"], "did you mean --type"),
        (["--format", "adapter", "--type", "f16"], "leave it out"),
        (["--format", "merged", "--type", "q8_0"], "give f16 or f32"),
        (["--format", "gguf-adapter", "--merge", "exact"], "merges nothing"),
        (["--with_base"], "only --format gguf-adapter"),
        (["--tokens", "-1"], "--tokens: -1 is no number of tokens; give 0 or more"),
        (["--tokens", "many"], "--tokens: many is no number"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(runs, capsys, arguments, message):
    assert main(["export", *arguments, f"--output={runs}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("damage", "status", "message"),
    [
        (lambda folder: (folder / "MANIFEST.json").write_text("{}"), 3, "not a manifest of codelm"),
        (lambda folder: shutil.rmtree(folder / "adapter"), 2, "has no adapter"),
        (lambda folder: shutil.copy(folder / "config.yaml", folder / "adapter" / "adapter_config.json"), 3, "damaged"),
    ],
)
def test_a_foreign_or_damaged_run_is_refused_in_a_line(command, runs, damage, status, message):
    damage(runs / "numbers" / "version_0")
    found, printed = command("numbers")
    assert found == status
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("to", "status", "message"),
    [
        ("taken", 2, "taken is there, and no export of codelm: give another folder with --to"),
        ("file", 2, "file is there, and no export of codelm: give another folder with --to"),
        ("file/below", 4, "file is no folder; choose another with --to"),
        ("", 2, "--to is empty: give FOLDER, or leave it out"),
    ],
)
def test_a_place_that_cannot_be_had_is_refused_before_anything_is_loaded_or_measured(
    monkeypatch, runs, tmp_path, capsys, to, status, message
):
    monkeypatch.setattr("codelm.export.source.find_source", pytest.fail)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "own").write_text("")
    assert main(["export", "numbers", f"--output={runs}", "--to", to, "--force"]) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_full_disk_is_refused_beforehand(command, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    status, printed = command("numbers", "--to", tmp_path / "out")
    assert status == 4
    assert "make room there, or choose another with --to" in printed.err
    assert not (tmp_path / "out").exists()


def test_help_says_how_and_imports_nothing_heavy():
    code = "import sys; from codelm.cli.entry_point import main; main(['export', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "codelm export ripgrep --format gguf-adapter" in done.stdout
    assert not {"torch", "transformers", "lightning", "peft", "gguf"} & set(done.stdout.splitlines()[-1].split())
