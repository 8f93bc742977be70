import json
import logging
import random
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from codelm.callbacks import Forgetting
from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.finish import Evaluate
from tests.training import recording_callbacks


def weights(module):
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def folder(trainer):
    return Path(trainer.log_dir)


def manifest(trainer):
    return json.loads((folder(trainer) / "MANIFEST.json").read_text())


def figures(trainer):
    return json.loads((folder(trainer) / "evaluation/figures.json").read_text())


def test_the_base_and_each_epoch_are_measured_and_the_saved_one_is_chosen(run_history):
    trainer, _, record = run_history()
    assert [(each["epoch"], each["step"]) for each in record.forgetting] == [(0, 0), (1, 3), (2, 6)]
    epochs = figures(trainer)["epochs"]
    assert [each["epoch"] for each in epochs] == [0, 1, 2]
    assert (epochs[0]["repository_change_percent"], epochs[0]["general_change_percent"]) == (0, 0)
    (chosen,) = [each for each in epochs if each["chosen"]]
    history = manifest(trainer)["phase_results"]["phase_4_training"]["history"]
    best = min(history, key=lambda each: each["val_loss"])
    assert chosen["epoch"] == best["epoch"] == figures(trainer)["run"]["best_epoch"]
    base = record.forgetting[0]["loss"]["base"]
    assert chosen["repository_change_percent"] == pytest.approx(100 * (best["val_loss"] / base - 1))
    assert all(each["general_change_percent"] != 0 for each in epochs[1:])


def test_a_measurement_where_a_limit_of_steps_ends_an_epoch_has_the_loss_of_these_weights(run_history):
    _, _, record = run_history(max_steps=5)
    assert [each["step"] for each in record.forgetting] == [0, 3, 5]
    assert [each["loss"]["tuned"] for each in record.forgetting[1:]] == [each.val_loss for each in record.history]
    assert [each.step for each in record.history] == [3, 5]


def test_measuring_every_second_epoch_takes_every_second(run_history):
    record = run_history(evaluation={"every_n_epochs": 2}, max_epochs=3)[2]
    assert [each["epoch"] for each in record.forgetting] == [0, 2]


def test_without_measurements_there_are_no_epochs_and_a_report(run_history):
    trainer, _, record = run_history(evaluation={"every_n_epochs": 0})
    assert record.forgetting == []
    assert figures(trainer)["epochs"] == []
    assert (folder(trainer) / "report.html").is_file()


def test_training_with_it_ends_with_the_same_bits(run_history):
    without = weights(run_history(evaluation={"enabled": False})[1])
    with_it = weights(run_history()[1])
    assert all(torch.equal(value, with_it[name]) for name, value in without.items())


def test_modes_and_random_states_are_left_as_they_were(run_history, monkeypatch):
    seen = []

    def look(trainer, pl_module, *_):
        seen.append(([one.training for one in pl_module.modules()], torch.get_rng_state().tolist(), random.getstate()))

    for kind, name in ((Forgetting, "on_train_start"), (Forgetting, "on_train_epoch_end"), (Evaluate, "finish")):
        original = getattr(kind, name)

        def spied(self, trainer, pl_module, original=original):
            look(trainer, pl_module)
            original(self, trainer, pl_module)
            look(trainer, pl_module)

        monkeypatch.setattr(kind, name, spied)
    run_history(max_epochs=1)
    assert len(seen) == 6
    assert seen[::2] == seen[1::2]


def test_disabled_it_does_nothing(run_history, monkeypatch):
    monkeypatch.setattr("codelm.runs.evaluation.EvaluatedModel", None)
    monkeypatch.setattr("codelm.runs.evaluation.EvaluationData", None)
    trainer, _, record = run_history(evaluation={"enabled": False})
    assert (record.forgetting, record.figures) == ([], None)
    assert not (folder(trainer) / "report.html").exists()
    assert not (folder(trainer) / "evaluation").exists()
    assert manifest(trainer)["evaluation"] is None


def test_a_resumed_run_keeps_the_measurements(run_history):
    first, _, record = run_history(max_epochs=1)
    best = first.checkpoint_callback.best_model_path
    second, _, resumed = run_history(max_epochs=2, ckpt_path=best)
    assert resumed.forgetting[:2] == record.forgetting
    assert [each["epoch"] for each in figures(second)["epochs"]] == [0, 1, 2]


def test_the_base_is_that_of_step_0_also_where_it_is_first_measured_when_a_run_goes_on(run_history):
    first, _, _ = run_history(max_epochs=1, evaluation={"every_n_epochs": 0})
    best = first.checkpoint_callback.best_model_path
    _, _, resumed = run_history(max_epochs=2, ckpt_path=best)
    assert [(each["epoch"], each["step"]) for each in resumed.forgetting] == [(0, 0), (2, 6)]


def test_a_measurement_that_fails_ends_no_training(run_history, monkeypatch, caplog):
    from codelm.callbacks import forgetting as module

    measure, calls = module.own_bits_per_byte, []

    def fail_at_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("no memory")
        return measure(*arguments)

    monkeypatch.setattr(module, "own_bits_per_byte", fail_at_first)
    with caplog.at_level(logging.WARNING):
        trainer, _, record = run_history()
    assert "general code after epoch 0 was not measured, training goes on" in caplog.text
    assert record.forgetting == []  # without the base, nothing could be said of the others
    assert manifest(trainer)["status"] == "completed"


def test_data_of_the_user_s_own_is_not_evaluated(make_module, make_trainer, make_rows):
    callbacks = recording_callbacks(EvaluationSettings())
    loaders = (DataLoader(make_rows(count), batch_size=None) for count in (2, 1))
    make_trainer(*callbacks, max_epochs=1).fit(make_module(), *loaders)
    assert (callbacks[0].record.forgetting, callbacks[0].record.figures) == ([], None)
