import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from codelm.errors import ResourceError

FOUND = {"lines": "new", "commits": 3, "bytes": 9, "before": 2.0, "change_percent": 0.0, "interval": None}


@pytest.fixture
def first(make_module, tmp_path):
    """The folder of an adapter of random weights."""
    module = make_module()
    module.configure_model()
    for name, parameter in module.trained():
        torch.nn.init.normal_(parameter, std=0.01) if "lora_B" in name else None
    module.save_adapter(tmp_path / "first")
    return tmp_path / "first"


@pytest.fixture
def refresh(run_history, make_module, first, monkeypatch):
    """Train an adapter on; return the folder of the run, its manifest and the figures of its report."""

    def train(minutes=0.1, **found):
        if found:
            monkeypatch.setattr("codelm.runs.finish.keep_better.adapter_change", lambda *_: FOUND | found)
        trainer, _, _ = run_history(
            module=make_module(adapter=str(first)), max_epochs=1, evaluation={"minutes": minutes}
        )
        folder = Path(trainer.log_dir)
        return folder, json.loads((folder / "MANIFEST.json").read_text()), folder / "evaluation/figures.json"

    return train


def weights(folder):
    return load_file(folder / "adapter_model.safetensors")


def same(one, two):
    return all(torch.equal(weight, two[name]) for name, weight in one.items())


def test_an_adapter_that_made_later_commits_easier_is_kept(refresh, first):
    folder, manifest, figures = refresh(after=1.9, change_percent=-5.0)
    assert manifest["refresh"]["kept"] == "new"
    assert manifest["adapter"]["weights"] == "best"
    assert not same(weights(folder / "adapter"), weights(first))
    assert not (folder / "adapter-not-kept").exists()
    assert "became easier" in json.loads(figures.read_text())["run"]["refresh"]
    assert "became easier" in (folder / "report.html").read_text()


@pytest.mark.parametrize("change", [0.0, 3.0])
def test_the_first_one_is_kept_where_later_commits_became_no_easier(refresh, first, change):
    folder, manifest, figures = refresh(after=2.1, change_percent=change)
    assert manifest["refresh"]["kept"] == "old"
    assert manifest["adapter"]["weights"] == "first"
    assert manifest["status"] == "completed"
    assert same(weights(folder / "adapter"), weights(first))
    assert not same(weights(folder / "adapter-not-kept"), weights(first))
    evaluated = json.loads(figures.read_text())
    assert evaluated["run"]["learned"]["samples"] == 0
    assert not any(epoch["chosen"] for epoch in evaluated["epochs"])


def test_a_stopped_evaluation_of_the_first_one_names_no_checkpoint_of_the_other(refresh, monkeypatch, first, caplog):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("codelm.runs.evaluation.evaluate", stop)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        refresh(after=2.1, change_percent=5.0)
    [path] = first.parent.rglob("MANIFEST.json")
    command = f"codelm fit --config {path.parent / 'config.yaml'} --ckpt_path last"
    assert f"the adapter is {path.parent / 'adapter'}; {command} makes the report" in caplog.text


def test_both_read_the_same_lines(refresh):
    _, manifest, _ = refresh(minutes=10)  # in less, a busy machine leaves commits out of the report
    found = manifest["refresh"]
    assert found["commits"] > 0
    assert found["before"] != found["after"]
    change = 100 * (found["after"] / found["before"] - 1)
    assert found["change_percent"] == pytest.approx(change)
    assert found["kept"] == ("new" if change < 0 else "old")
    if found["kept"] == "new":
        assert manifest["evaluation"]["likelihood"][found["lines"]]["tuned"] == pytest.approx(found["after"])


def test_a_failure_of_the_comparison_costs_nothing(refresh, monkeypatch, first):
    def fail(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr("codelm.runs.finish.keep_better.adapter_change", fail)
    folder, manifest, _ = refresh()
    assert manifest["status"] == "completed"
    assert manifest["refresh"] == {"unmeasured": "RuntimeError: no memory", "kept": "new"}
    assert not same(weights(folder / "adapter"), weights(first))


def test_where_the_first_one_cannot_be_put_back_the_new_one_is_kept_and_said_to_be(refresh, monkeypatch, first):
    def fail(*_):
        raise ResourceError("the disk is full")

    monkeypatch.setattr("codelm.runs.finish.keep_better.write_adapter", fail)
    with pytest.raises(ResourceError):
        refresh(after=2.1, change_percent=5.0)
    [path] = first.parent.rglob("MANIFEST.json")
    manifest = json.loads(path.read_text())
    assert manifest["refresh"]["kept"] == "new"
    assert manifest["adapter"]["weights"] == "best"
    assert not same(weights(path.parent / "adapter"), weights(first))


@pytest.mark.parametrize(
    ("error", "why"), [(KeyboardInterrupt(), "stopped"), (ValueError("broken"), "failed")], ids=str
)
def test_a_training_that_did_not_come_to_its_end_leaves_the_first_one(
    run_history, make_module, stop_at, first, error, why
):
    with pytest.raises((SystemExit, ValueError)):
        run_history(stop_at(4, error), module=make_module(adapter=str(first)), max_epochs=2)
    [path] = first.parent.rglob("MANIFEST.json")
    manifest = json.loads(path.read_text())
    assert manifest["refresh"] == {"unmeasured": why, "kept": "old"}
    assert manifest["adapter"]["weights"] == "first"
    assert same(weights(path.parent / "adapter"), weights(first))
    assert not same(weights(path.parent / "adapter-not-kept"), weights(first))


def test_a_comparison_that_is_stopped_leaves_the_first_one(refresh, monkeypatch, first):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("codelm.runs.finish.keep_better.adapter_change", stop)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        refresh()
    [path] = first.parent.rglob("MANIFEST.json")
    assert json.loads(path.read_text())["refresh"] == {"unmeasured": "stopped", "kept": "old"}
    assert same(weights(path.parent / "adapter"), weights(first))


def test_a_training_of_a_new_adapter_compares_nothing(run_history):
    trainer, _, _ = run_history(max_epochs=1)
    manifest = json.loads((Path(trainer.log_dir) / "MANIFEST.json").read_text())
    assert (manifest["refresh"], manifest["refreshed_from"]) == (None, [])
