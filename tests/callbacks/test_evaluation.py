"""The callback in a real training: the dots while it runs, what it leaves untouched, and what its failures cost."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from codelm.runs.tested import draw

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def make_data(tmp_path, tiny_base, rust_repository):
    """Return a function that makes the datamodule of a small history."""
    from codelm.datamodules import GitCommitDataModule

    settings = {"sequence_length": 64, "batch_size": 2, "held_out": 0.3, "cache": str(tmp_path / "cache")}
    return lambda: GitCommitDataModule(str(tiny_base), str(rust_repository), **settings)


@pytest.fixture
def evaluation():
    from codelm.callbacks import Evaluation

    return lambda **settings: Evaluation(**({"limit": 1, "minutes": 0.1, "tokens": 500} | settings))


@pytest.fixture
def run(fit, evaluation):
    """Train a few batches with what a run has, the evaluation last; return trainer, module and evaluation."""
    from codelm.callbacks import BaseReference, ExportAdapter, Manifest

    def train(*others, callback=None, **options):
        callback = callback or evaluation()
        settings = {"limit_train_batches": 3, "limit_val_batches": 2} | options
        trainer, module = fit(*others, BaseReference(), ExportAdapter(), Manifest(), callback, **settings)
        return trainer, module, callback

    return train


def weights(module):
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def folder(trainer):
    return Path(trainer.log_dir)


def manifest(trainer):
    return json.loads((folder(trainer) / "MANIFEST.json").read_text())


def figures(trainer):
    return json.loads((folder(trainer) / "evaluation/figures.json").read_text())


def test_the_base_and_each_epoch_are_a_dot_and_the_saved_one_is_chosen(run):
    trainer, _, callback = run()
    assert [(each["epoch"], each["step"]) for each in callback.epochs] == [(0, 0), (1, 3), (2, 6)]
    dots = figures(trainer)["epochs"]
    assert [each["epoch"] for each in dots] == [0, 1, 2]
    assert (dots[0]["repository_change_percent"], dots[0]["general_change_percent"]) == (0, 0)
    (chosen,) = [each for each in dots if each["chosen"]]
    history = manifest(trainer)["phase_results"]["phase_4_training"]["history"]
    best = min(history, key=lambda moment: moment["val_loss"])
    assert chosen["epoch"] == best["epoch"] == figures(trainer)["run"]["best_epoch"]
    base = callback.epochs[0]["loss"]["base"]
    assert chosen["repository_change_percent"] == pytest.approx(100 * (best["val_loss"] / base - 1))
    assert all(each["general_change_percent"] != 0 for each in dots[1:])


def test_a_dot_within_an_epoch_has_no_loss_of_earlier_weights(run):
    _, _, callback = run(max_steps=5)
    assert [each["step"] for each in callback.epochs] == [0, 3, 5]
    assert [each["loss"]["tuned"] is None for each in callback.epochs] == [False, False, True]


def test_only_what_the_saved_weights_have_learned_counts_as_learned(run, monkeypatch):
    from codelm.callbacks import evaluation as module

    given, material = [], module.Material
    monkeypatch.setattr(module, "Material", lambda *arguments: given.append(arguments[2]) or material(*arguments))
    monkeypatch.setattr(module, "saved_step", lambda trainer: 4)
    trainer, _, _ = run(accumulate_grad_batches=2, limit_train_batches=5, max_epochs=2)
    first, second = (trainer.datamodule.rows(epoch) for epoch in (0, 1))
    assert trainer.global_step == 6
    learned = sorted({index for row in first + second[:4] for index in row})
    assert given == [learned]
    assert manifest(trainer)["evaluation"]["run"]["learned"] == draw(4, learned)


def test_a_tested_checkpoint_has_learned_up_to_its_step(evaluation, monkeypatch, tmp_path):
    import torch

    from codelm.callbacks.evaluation import Evaluation

    steps = []
    monkeypatch.setattr(Evaluation, "run", lambda self, trainer, module, folder, dots, step, shown: steps.append(step))
    (tmp_path / "checkpoints").mkdir()
    torch.save({"global_step": 4}, tmp_path / "checkpoints/best.ckpt")
    callback = evaluation()
    callback.tested = tmp_path
    callback.on_test_end(SimpleNamespace(ckpt_path=str(tmp_path / "checkpoints/best.ckpt")), None)
    assert steps == [4]


def test_a_test_whose_evaluation_fails_ends_with_its_error_once_the_loss_is_printed(evaluation):
    from codelm.errors import CodelmError

    callback = evaluation()
    callback.teardown(None, None, "test")
    callback.failure = "no memory"
    callback.teardown(None, None, "fit")
    with pytest.raises(CodelmError, match="no report, the test loss stands: no memory"):
        callback.teardown(None, None, "test")


def test_the_tested_step_is_the_chosen_one(evaluation, monkeypatch, tmp_path):
    from codelm.callbacks import evaluation as module

    losses = {"base": 2.0, "tuned": 1.0}
    dots = [{"epoch": step, "step": step, "chosen": step == 1} for step in (0, 1, 2)]
    given = []
    callback = evaluation()
    callback.tested, callback.run = tmp_path, lambda *arguments: given.append(arguments[3])
    callback.epochs = [{"epoch": step, "step": step, "bits": 1.0, "loss": losses} for step in (0, 2)]
    monkeypatch.setattr(module, "read_step", lambda path: 2)
    for earlier in (dots, []):
        monkeypatch.setattr(module, "earlier_dots", lambda folder, earlier=earlier: earlier)
        callback.on_test_end(SimpleNamespace(ckpt_path="best.ckpt"), None)
    assert [[each["step"] for each in found] for found in given] == [[0, 1, 2], [0, 2]]
    assert [[each["step"] for each in found if each["chosen"]] for found in given] == [[2], [2]]


def test_a_look_every_second_epoch_takes_every_second(run, evaluation):
    callback = run(callback=evaluation(every_n_epochs=2), max_epochs=3)[2]
    assert [each["epoch"] for each in callback.epochs] == [0, 2]


def test_without_looks_there_are_no_dots_and_a_report(run, evaluation):
    trainer, _, callback = run(callback=evaluation(every_n_epochs=0))
    assert callback.epochs == []
    assert figures(trainer)["epochs"] == []
    assert (folder(trainer) / "report.html").is_file()


def test_training_with_it_ends_with_the_same_bits(run, evaluation):
    import torch

    without = weights(run(callback=evaluation(enabled=False))[1])
    with_it = weights(run()[1])
    assert all(torch.equal(value, with_it[name]) for name, value in without.items())


def test_modes_and_random_states_are_left_as_they_were(run, monkeypatch):
    import random

    import torch

    seen = []

    def look(trainer, pl_module, *_):
        seen.append(([one.training for one in pl_module.modules()], torch.get_rng_state().tolist(), random.getstate()))

    from codelm.callbacks.evaluation import Evaluation

    for name in ("on_train_start", "on_train_epoch_end", "on_fit_end"):
        original = getattr(Evaluation, name)

        def spied(self, trainer, pl_module, original=original):
            look(trainer, pl_module)
            original(self, trainer, pl_module)
            look(trainer, pl_module)

        monkeypatch.setattr(Evaluation, name, spied)
    run(max_epochs=1)
    assert len(seen) == 6
    assert seen[::2] == seen[1::2]


def test_disabled_it_does_nothing(run, evaluation, monkeypatch):
    monkeypatch.setattr("codelm.callbacks.evaluation.Examinee", None)
    monkeypatch.setattr("codelm.callbacks.evaluation.Material", None)
    trainer, _, callback = run(callback=evaluation(enabled=False))
    assert (callback.epochs, callback.figures) == ([], None)
    assert not (folder(trainer) / "report.html").exists()
    assert not (folder(trainer) / "evaluation").exists()
    assert manifest(trainer)["evaluation"] is None


def test_a_resumed_run_keeps_the_dots(run, evaluation):
    first, _, callback = run(max_epochs=1)
    again = evaluation()
    second, _, _ = run(callback=again, max_epochs=2, ckpt_path=first.checkpoint_callback.best_model_path)
    assert again.epochs[:2] == callback.epochs
    assert [each["epoch"] for each in figures(second)["epochs"]] == [0, 1, 2]


@pytest.mark.parametrize("what", ["examine", "Material", "write", "show"])
def test_a_failure_costs_neither_the_adapter_nor_the_manifest(run, monkeypatch, caplog, what):
    def fail(*_, **__):
        raise RuntimeError("no memory\nat all")

    monkeypatch.setattr(f"codelm.callbacks.evaluation.{what}", fail)
    with caplog.at_level(logging.WARNING):
        trainer, _, _ = run(max_epochs=1)
    assert "the evaluation failed, everything else stands: RuntimeError: no memory at all" in caplog.text
    assert (folder(trainer) / "adapter/adapter_model.safetensors").is_file()
    told = manifest(trainer)
    assert told["status"] == "completed"
    if what in ("examine", "Material"):  # else there are figures
        assert told["evaluation"] == {"unfinished": "RuntimeError: no memory at all"}


def test_a_failing_look_ends_no_training_and_draws_no_dot(run, monkeypatch, caplog):
    from codelm.callbacks import evaluation as module

    look, calls = module.own_bits_per_byte, []

    def fail_at_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("no memory")
        return look(*arguments)

    monkeypatch.setattr(module, "own_bits_per_byte", fail_at_first)
    with caplog.at_level(logging.WARNING):
        trainer, _, callback = run()
    assert "general code after epoch 0 was not measured, training goes on" in caplog.text
    assert callback.epochs == []  # without the base, nothing could be said of the others
    assert manifest(trainer)["status"] == "completed"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_training_whose_evaluation_is_stopped_is_completed_all_the_same(run, monkeypatch, tmp_path, error, caplog):
    def stop(*_, **__):
        raise error

    monkeypatch.setattr("codelm.callbacks.evaluation.examine", stop)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        run(max_epochs=1)
    (path,) = tmp_path.rglob("MANIFEST.json")
    best = path.parent / "checkpoints/best.ckpt"
    assert f"codelm test --config {path.parent / 'config.yaml'} --ckpt_path {best} makes the report" in caplog.text
    content = json.loads(path.read_text())
    assert (content["status"], content["evaluation"]) == ("completed", {"unfinished": "stopped"})
    assert (path.parent / "adapter/adapter_model.safetensors").is_file()


def test_the_time_of_training_leaves_out_the_evaluation(run, monkeypatch):
    from codelm.callbacks import evaluation as module

    first, original = {}, module.examine

    def late(*arguments):
        import time

        first["content"] = json.loads((folder(holder["trainer"]) / "MANIFEST.json").read_text())
        time.sleep(0.3)
        return original(*arguments)

    from lightning.pytorch import Callback

    holder = {}

    class Hold(Callback):
        def on_fit_start(self, trainer, pl_module):
            holder["trainer"] = trainer

    monkeypatch.setattr(module, "examine", late)
    trainer, _, _ = run(Hold(), max_epochs=1)
    seconds = [each["phase_results"]["phase_4_training"]["seconds"] for each in (first["content"], manifest(trainer))]
    assert seconds[1] - seconds[0] < 0.2
    assert manifest(trainer)["evaluation"]["likelihood"]["commits"] > 0


def test_the_manifest_s_part_is_the_figures_without_their_lists(run):
    from codelm.report.outline import outline

    trainer, _, callback = run(max_epochs=1)
    assert manifest(trainer)["evaluation"] == json.loads(json.dumps(outline(callback.figures)))


def test_before_the_callbacks_that_save_it_is_refused(fit, evaluation):
    from codelm.callbacks import ExportAdapter, Manifest
    from codelm.errors import InputError

    with pytest.raises(InputError, match="lists Evaluation before ExportAdapter and Manifest"):
        fit(evaluation(), ExportAdapter(), Manifest())


def test_data_of_somebody_s_own_is_not_examined(make_module, make_trainer, evaluation, make_rows):
    from torch.utils.data import DataLoader

    callback = evaluation()
    trainer = make_trainer(callback, max_epochs=1)
    loaders = (DataLoader(make_rows(count), batch_size=None) for count in (2, 1))
    trainer.fit(make_module(), *loaders)
    assert (callback.epochs, callback.figures) == ([], None)


def test_a_rehearsal_writes_no_report(run):
    assert run(fast_dev_run=True)[2].figures is None
