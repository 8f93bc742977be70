"""The whole path from one command, on a small history and a base of some ten thousand random weights."""

import json
import logging
import shutil

import pytest
import yaml

from codelm.cli import main
from tests.cli.short_runs import files, manifest, moments, training


def test_a_run_leaves_its_folder_and_nothing_else(codelm, folder):
    status, error = codelm("fit")
    assert status == 0, error
    assert files(folder) >= {
        *("runs/numbers/version_0/config.yaml", "runs/numbers/version_0/MANIFEST.json"),
        *("runs/numbers/version_0/adapter/adapter_model.safetensors", "runs/numbers/version_0/checkpoints/last.ckpt"),
    }
    assert {path.split("/")[0] for path in files(folder)} == {"runs"}
    assert {path.name.split(".")[0] for path in (folder / "runs/numbers/version_0").iterdir()} == {
        *("config", "MANIFEST", "adapter", "base", "checkpoints", "events"),  # the base is a link to its folder
    }
    assert manifest(folder)["status"] == "completed"
    assert training(folder)["training_stats"]["final_val_loss"] > 0


def test_the_saved_configuration_replays_the_run(codelm, folder, repository, git, monkeypatch):
    monkeypatch.chdir(repository)
    output = f"--output={folder / 'runs'}"
    assert codelm("fit", "--name=first", "--data.repo=.", output)[0] == 0
    monkeypatch.chdir(folder)
    git(repository, "update-ref", "refs/heads/main", "main~3")
    assert main(["fit", "--config", str(folder / "runs/first/version_0/config.yaml")]) == 0
    histories = (training(folder, name="first", version=version)["history"] for version in (0, 1))
    first, second = ([moment["val_loss"] for moment in history] for history in histories)
    assert first == second
    configs = [yaml.safe_load((folder / f"runs/first/version_{n}/config.yaml").read_text()) for n in (0, 1)]
    assert configs[0] == configs[1]


def test_a_base_of_the_hub_is_replayed_at_the_commit_that_it_had(codelm, folder, tiny_base, tmp_path, monkeypatch):
    commit, cached = "0123456789abcdef0123456789abcdef01234567", tmp_path / "hub/models--nobody--base"
    shutil.copytree(tiny_base, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    for name, value in (("HF_HUB_CACHE", str(tmp_path / "hub")), ("HF_HUB_OFFLINE", True)):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    own = ["--model.base=nobody/base", "--data.formats.fim_format=starcoder2", "--trainer.max_epochs=1"]
    status, error = codelm("fit", *own)
    assert status == 0, error
    run = folder / "runs/numbers/version_0"
    assert manifest(folder)["model"]["base_identity"]["hub_commit"] == commit
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["revision"] == commit
    assert json.loads((run / "adapter/adapter_config.json").read_text())["revision"] == commit


def test_a_list_of_callbacks_of_ones_own_loses_nothing(codelm, folder):
    own = '[{"class_path": "LearningRateMonitor"}]'
    assert codelm("fit", f"--trainer.callbacks={own}", "--early_stopping.patience=1")[0] == 0
    assert (folder / "runs/numbers/version_0/MANIFEST.json").is_file()
    assert (folder / "runs/numbers/version_0/adapter").is_dir()


def test_quiet_says_nothing_when_all_is_well(folder, capsys):
    assert main(["fit", "--quiet", "--config", str(folder.parent / "short.yaml")]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


BARS = "--trainer.callbacks=[{class_path: TQDMProgressBar}]"  # Lightning's own prints to standard output


def test_results_alone_are_on_standard_output(folder, capsys):
    assert main(["fit", "--config", str(folder.parent / "short.yaml"), BARS]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("\nval loss ")
    assert said.out.endswith("curves         tensorboard --logdir runs/numbers\n")
    assert "\r" not in said.out
    assert "Epoch 1: 100%" in said.err
    for command in ("validate", "test"):
        saved = ["--config", "runs/numbers/version_0/config.yaml", "--ckpt_path", "best"]
        assert main([command, *saved, BARS]) == 0
        said = capsys.readouterr()
        assert f"{command} metric" in said.out.lower()
        assert "DataLoader 0: 100%" not in said.out
        assert "DataLoader 0: 100%" in said.err


def test_without_a_configuration_the_run_says_which_it_took_and_which_fits(codelm, folder, monkeypatch):
    monkeypatch.setattr("codelm.cli.lightning.default_argument", lambda: f"--config={folder.parent / 'short.yaml'}")
    status, error = codelm("fit", "--trainer.max_epochs=1")
    assert status == 0, error
    took = "no --config: took configs/default.yaml; 100 % of the code of numbers is Rust, so configs/rust.yaml fits\n"
    assert took in error


def test_a_rehearsal_leaves_nothing(codelm, folder):
    status, error = codelm("fit", "--trainer.fast_dev_run=true")
    assert status == 0, error
    assert files(folder) == set()


def test_validating_a_checkpoint_writes_nothing(codelm, folder, capsys):
    assert codelm("fit")[0] == 0
    before = files(folder)
    assert main(["validate", "--config", "runs/numbers/version_0/config.yaml", "--ckpt_path", "best"]) == 0
    loss = training(folder)["training_stats"]["final_val_loss"]
    assert str(loss)[:6] in capsys.readouterr().out
    assert files(folder) == before


@pytest.mark.parametrize(("command", "does"), [("validate", "measuring"), ("predict", "completing with")])
def test_without_a_checkpoint_a_command_says_that_it_takes_the_untouched_base(codelm, folder, command, does):
    status, error = codelm(command, "--quiet")
    assert status == 0, error
    assert error.startswith(f"no --ckpt_path: {does} the untouched base; --ckpt_path best takes")
    assert error.count("\n") == 1


def test_predict_prints_the_completions_of_the_prompts_and_nothing_else(codelm, folder, capsys, repository):
    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    before = files(folder)
    capsys.readouterr()
    # Neither the history nor what became of it is needed any more, and a bar would stand among the completions.
    repository.rename(repository.parent / "gone")
    shutil.rmtree(folder.parent / "cache")
    saved = ["--config", "runs/numbers/version_0/config.yaml", "--trainer.callbacks=[codelm.callbacks.Progress]"]
    prompts = "--behavior.prompts=['fn main', 'impl A']"
    said = []
    for quiet in ([], ["--quiet"]):
        assert main(["predict", *saved, "--ckpt_path=best", prompts, *quiet]) == 0
        said.append(capsys.readouterr())
    assert said[0].out == said[1].out
    first, second = said[0].out.removeprefix("completion of ").split("\n\ncompletion of ")
    assert first.startswith("`fn main`")
    assert second.startswith("`impl A`")
    assert first.partition("\n\n")[2].startswith("fn main")
    assert said[1].err == ""
    assert files(folder) == before
    assert not (folder.parent / "cache").exists()


def test_without_prompts_predict_is_refused_in_one_line(codelm, folder):
    status, error = codelm("predict", "--behavior.prompts=[]")
    assert (status, error.count("\n")) == (2, 1), error
    assert "behavior.prompts" in error
    assert files(folder) == set()


def test_last_goes_on_where_the_newest_run_stopped(codelm, folder):
    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 0, error
    assert [path.name for path in (folder / "runs/numbers").iterdir()] == ["version_0"]
    assert [epoch for epoch, _ in moments(folder)] == [1, 2]


def test_a_run_does_not_go_on_with_a_history_that_moved_on(codelm, folder, repository, git):
    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    run = folder / "runs/numbers/version_0"
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    for number in range(12):
        added = f"pub fn newer_{number}() -> u64 {{\n    {number * 31} + {number}\n}}\n".encode()
        blob = git(repository, "hash-object", "-w", "--stdin", stdin=added)
        git(repository, "read-tree", "HEAD")
        git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},src/newer_{number}.rs")
        newer = git(repository, "commit-tree", git(repository, "write-tree"), "-p", "HEAD", "-m", "newer")
        git(repository, "update-ref", "HEAD", newer)
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 2, error
    assert "codelm: error: the checkpoint has learned from numbers cut at" in error.splitlines()[-1]
    assert {path: path.read_bytes() for path in before} == before
    assert codelm("fit", f"--config={run}/config.yaml", "--ckpt_path=last")[0] == 0


def lose_the_best_ones(states):
    del next(state for name, state in states["callbacks"].items() if "ModelCheckpoint" in name)["best_k_models"]


def lose_an_optimizer_state(states):
    states["optimizer_states"] = [{}]


def lose_the_optimizer_s_groups(states):
    states["optimizer_states"][0]["param_groups"] = []


@pytest.mark.parametrize("damage", [lose_the_best_ones, lose_an_optimizer_state, lose_the_optimizer_s_groups])
def test_a_state_that_lacks_something_is_answered_with_its_checkpoint_and_the_remedy(codelm, folder, damage):
    import torch

    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    checkpoint = folder / "runs/numbers/version_0/checkpoints/last.ckpt"
    states = torch.load(checkpoint, weights_only=False)
    damage(states)
    torch.save(states, checkpoint)
    status, error = codelm("fit", "--quiet", "--ckpt_path=last")
    assert (status, error.count("\n")) == (3, 1), error
    assert "version_0/checkpoints/last.ckpt is damaged" in error
    assert "--ckpt_path best" in error


def test_data_and_model_take_the_tokenizer_of_one_revision(codelm, monkeypatch):
    from codelm.bases import tokenizer

    asked, load = [], tokenizer.load_tokenizer
    for room in ("datamodules.prompt_format", "modules.lora_causal_lm"):
        monkeypatch.setattr(
            f"codelm.{room}.load_tokenizer", lambda name, revision: asked.append(revision) or load(name, revision)
        )
    status, error = codelm("fit", "--model.revision=v7", "--trainer.max_epochs=1")
    assert status == 0, error
    assert asked == ["v7", "v7"]


def test_no_setting_of_model_or_data_may_name_code(folder, capsys):
    """The first look need not search there for plain text that the parser imports."""
    assert main(["fit", "--help"]) == 0
    groups = capsys.readouterr().out.split("\n\n")
    lines = [line for group in groups if "--model " in group or "--data" in group for line in group.splitlines()]
    assert lines
    assert not [line for line in lines if ".help" in line or "Callable" in line or "class_path" in line.lower()]


def test_the_loggers_are_as_they_were_before(codelm):
    before = logging.getLogger("lightning.pytorch").level, list(logging.getLogger("codelm").handlers)
    codelm("fit", "--data.repo=nowhere")
    assert (logging.getLogger("lightning.pytorch").level, logging.getLogger("codelm").handlers) == before
