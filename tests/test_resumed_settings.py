"""A run goes on only with what decides its result: the settings, the base and its weights."""

import hashlib
import json
import shutil
import sys

import huggingface_hub
import pytest
import torch
import yaml
from safetensors.torch import load_file

from codelm.callbacks import MemoryTrial, memory_trial
from codelm.cli import main

CONFIG = """
model: {quantization: none, lora: {r: 2, alpha: 4, dropout: 0.05}, learning_rate: 1e-2}
data: {sequence_length: 64, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, accumulate_grad_batches: 1, limit_train_batches: 2,
  limit_val_batches: 1, log_every_n_steps: 1}
behavior: {prompts: []}
evaluation: {enabled: false}
"""


@pytest.fixture
def codelm(tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in an empty folder and returns status and what it complained of."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["codelm"])

    def run(*words):
        status = main(list(words))
        return status, capsys.readouterr().err

    return run


@pytest.fixture
def resume(codelm, tmp_path, tiny_base, rust_repository):
    """A run of one epoch, and the function that goes on with it for another, with settings of its own."""
    base = shutil.copytree(tiny_base, tmp_path / "base")
    (tmp_path / "short.yaml").write_text(CONFIG)
    places = [f"--model.base={base}", f"--data.repo={rust_repository}", f"--data.cache={tmp_path / 'cache'}"]
    fit = ["fit", "--config", str(tmp_path / "short.yaml"), *places, "--name=run"]
    status, said = codelm(*fit)
    assert status == 0, said

    def resume(*settings, command="fit"):
        return codelm(command, *fit[1:], "--ckpt_path=last", "--trainer.max_epochs=2", *settings)

    return resume


OTHER = [
    ("model.lora.alpha", "8"),
    ("model.lora.dropout", "0.1"),
    ("model.learning_rate", "0.02"),
    ("model.base_dropout", "0.5"),
    ("trainer.accumulate_grad_batches", "2"),
    ("trainer.limit_train_batches", "3"),
    ("trainer.gradient_clip_val", "0.5"),
    ("data.batch_size", "1"),
    ("data.sequence_length", "32"),
    ("data.max_commits", "5"),
    ("data.filters.min_letters", "0.5"),
    ("data.importance.half_life_days", "9.0"),
    ("seed_everything", "7"),
]


def test_what_changes_the_result_is_refused_by_name_before_any_work(resume, monkeypatch):
    monkeypatch.setattr("codelm.datamodules.git_commits.build_store", lambda *_: pytest.fail("a history was read"))
    monkeypatch.setattr("codelm.modules.lora_causal_lm.load_base", lambda *_, **__: pytest.fail("a base was loaded"))
    for name, value in OTHER:
        status, said = resume(f"--{name}={value}")
        assert status == 2, (name, said)
        (line,) = said.splitlines()
        assert f" {name} " in line, line
        assert f"not {value}" in line, line
        assert ".seed" not in line


def flip_a_weight(base):
    path = base / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def edit_config(base, **changes):
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


BASES = {
    "weights_sha256": flip_a_weight,
    "config_sha256": lambda base: edit_config(base, rope_parameters={"rope_theta": 999.0, "rope_type": "default"}),
    "config_sha256 ": lambda base: edit_config(base, num_attention_heads=8, num_key_value_heads=4),
}


@pytest.mark.parametrize("command", ["fit", "test"])
def test_another_base_of_the_same_shape_is_refused(resume, tmp_path, command):
    status, said = resume(command=command)
    assert status == 0, said
    for name, change in BASES.items():
        kept = shutil.copytree(tmp_path / "base", tmp_path / "kept")
        change(tmp_path / "base")
        status, said = resume("--trainer.max_epochs=3", command=command)
        assert status == 2, (name, said)
        assert f"model.base_identity.{name.strip()} " in said
        shutil.rmtree(tmp_path / "base")
        kept.rename(tmp_path / "base")


def test_what_decides_nothing_may_change(resume, tmp_path):
    free = ["--trainer.log_every_n_steps=2", "--trainer.max_time=00:01:00:00", "--data.num_workers=1"]
    status, said = resume(*free, "--model.gradient_checkpointing=false", "--evaluation.limit=9")
    assert status == 0, said
    manifest = json.loads((tmp_path / "here/runs/run/version_0/MANIFEST.json").read_text())
    assert [each["step"] for each in manifest["phase_results"]["phase_4_training"]["history"]] == [2, 4]


@pytest.fixture
def go_on(codelm, tmp_path, tiny_base, rust_repository):
    """Return a function that goes on with a run of steps of four rows, ended within its second epoch of two steps.

    It returns the trained weights and what the command said.
    """
    text = CONFIG.replace("dropout: 0.05", "dropout: 0.0").replace("batch_size: 2", "batch_size: 4")
    (tmp_path / "short.yaml").write_text(text)
    places = [f"--model.base={tiny_base}", f"--data.repo={rust_repository}", f"--data.cache={tmp_path / 'cache'}"]
    fit = ["fit", "--config", str(tmp_path / "short.yaml"), *places, "--trainer.max_epochs=3"]
    status, said = codelm(*fit, "--name=ended", "--trainer.max_steps=3")
    assert status == 0, said

    def go_on(name, *settings):
        shutil.copytree(tmp_path / "here/runs/ended", tmp_path / "here/runs" / name)
        status, said = codelm(*fit, "--name", name, "--trainer.max_steps=6", "--ckpt_path=last", *settings)
        assert status == 0, said
        run = tmp_path / "here/runs" / name / "version_0"
        training = json.loads((run / "MANIFEST.json").read_text())["phase_results"]["phase_4_training"]
        assert training["history"][-1]["step"] == 6
        return load_file(run / "adapter/adapter_model.safetensors"), said

    return go_on


def test_a_run_goes_on_in_batches_of_another_size_with_the_rows_that_are_left(go_on, monkeypatch):
    whole, _ = go_on("whole")
    smaller = "--data.batch_size=2", "--trainer.accumulate_grad_batches=2", "--trainer.limit_train_batches=4"
    chosen, _ = go_on("chosen", *smaller)
    monkeypatch.setitem(MemoryTrial.__init__.__kwdefaults__, "on_cpu", True)
    monkeypatch.setattr(memory_trial, "_fits", lambda trainer, module, data: data.batch_size <= 2)
    found, said = go_on("found")
    assert "out of GPU memory with 4 rows at a time: going on with 2, and 2 batches of the same rows to a step" in said
    for name, weights in whole.items():
        torch.testing.assert_close(chosen[name], weights, rtol=0, atol=1e-5)
        assert torch.equal(found[name], chosen[name])


def test_the_manifest_says_which_base_it_was(resume, tmp_path):
    manifest = json.loads((tmp_path / "here/runs/run/version_0/MANIFEST.json").read_text())["model"]
    (file,) = (tmp_path / "base").glob("*.safetensors")
    line = f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"  # what sha256sum prints
    assert manifest["base_identity"]["files"]["weights_sha256"] == hashlib.sha256(line.encode()).hexdigest()
    assert manifest["base_dropout"] == 0


def names_of_base(run):
    """Return how configuration, manifest, figures and adapter call the base."""
    config, manifest, adapter = (run / name for name in ("config.yaml", "MANIFEST.json", "adapter/adapter_config.json"))
    return {
        yaml.safe_load(config.read_text())["model"]["base"],
        json.loads(manifest.read_text())["model"]["base"],
        json.loads(adapter.read_text())["base_model_name_or_path"],
    }


def test_no_file_of_a_run_names_the_folder_of_its_base_and_yet_it_is_found_again(resume, codelm, tmp_path):
    run = tmp_path / "here/runs/run/version_0"
    texts = [path.read_bytes() for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
    assert texts
    assert not [text for text in texts if bytes(tmp_path / "base") in text]
    assert names_of_base(run) == {"base"}
    status, said = codelm("test", "--config", str(run / "config.yaml"), "--ckpt_path=best")
    assert status == 0, said
    status, said = resume("--model.base_name=bigcode/starcoder2-3b")
    assert status == 0, said
    assert names_of_base(run) == {"bigcode/starcoder2-3b"}
    assert (run / "base.bigcode--starcoder2-3b").resolve() == tmp_path / "base"
    status, said = codelm("test", "--config", str(run / "config.yaml"), "--ckpt_path=best")
    assert status == 0, said


def test_a_base_that_is_not_there_any_more_is_missed_by_its_name(resume, codelm, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    words = ["--config", str(tmp_path / "here/runs/run/version_0/config.yaml"), "--ckpt_path=last"]
    status, said = codelm("test", *words)
    assert status == 2
    assert "base model base cannot be had" in said
    status, said = codelm("test", *words, f"--model.base={tmp_path / 'elsewhere'}")
    assert status == 0, said
