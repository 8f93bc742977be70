import hashlib
import json
import math
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader

from codelm.callbacks import BaseReference, BehavioralEvaluation, FinishRun, Manifest, TrainingHistory
from codelm.errors import InputError
from codelm.runs.finish import ExportAdapter, WriteManifest


def make():
    """Return a record, and the callbacks that write to it, in their order."""
    behavior = BehavioralEvaluation(["fn"], max_new_tokens=4)
    record = behavior.record
    finish = FinishRun([ExportAdapter(), WriteManifest()], record)
    return record, [behavior, BaseReference(record), TrainingHistory(record), Manifest(record), finish]


def read(trainer):
    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    return json.loads((Path(trainer.log_dir) / "MANIFEST.json").read_text(encoding="utf-8"), parse_constant=refuse)


def stats(content):
    return content["phase_results"]["phase_4_training"]["training_stats"]


@pytest.fixture
def run(fit, tmp_path):
    """Train to the end or to an error; return the manifest, the trainer and the record."""

    def train(*others, **options):
        record, callbacks = make()
        try:
            trainer, _ = fit(*others, *callbacks, **options)
            return read(trainer), trainer, record
        except (SystemExit, ValueError):
            (path,) = tmp_path.rglob("MANIFEST.json")
            return json.loads(path.read_text()), None, record

    return train


def test_a_completed_run_says_what_it_did(run, tiny_base):
    content, trainer, record = run()
    numbers = stats(content)
    assert content["status"] == "completed"
    assert content["reason"] is None
    assert numbers["final_val_loss"] == pytest.approx(float(trainer.checkpoint_callback.best_model_score))
    assert numbers["final_perplexity"] == math.exp(numbers["final_val_loss"])
    assert numbers["base_val_loss"] == record.base_loss
    assert numbers["training_time_minutes"] > 0
    assert [moment["epoch"] for moment in content["phase_results"]["phase_4_training"]["history"]] == [1, 2]
    assert content["phase_results"]["phase_1_scrape"] == {"seconds": 1.5, "commits": 11, "git": "2.39.5"}
    assert content["behavior"]["evaluations"] == json.loads(json.dumps(record.completions))
    assert content["model"]["base"] == tiny_base.name
    assert content["model"]["coverage"]["adapted_layers"] == {"q_proj": 2, "v_proj": 2, "c_fc": 2}
    assert content["model"]["base_identity"]["hub_commit"] is None
    assert [len(digest) for digest in content["model"]["base_identity"]["files"].values()] == [64, 64, 64]
    assert content["model"]["skipped_steps"] == 0
    assert content["model"]["keeps_samples_apart"] is True
    assert content["model"]["base_dropout"] == 0
    assert content["versions"]["torch"]
    assert content["versions"]["git"] == "2.39.5"
    weights = record.adapter / "adapter_model.safetensors"
    assert content["adapter"]["sha256"][weights.name] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_the_training_loss_is_the_mean_over_the_epochs_labels(fit, make_rows):
    class Listen(Callback):
        def __init__(self):
            self.sums = [0.0, 0.0]

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            self.sums[0] += float(trainer.callback_metrics["train/loss"] * batch["step_weight"])
            self.sums[1] += float(batch["step_weight"])

    history, listen = TrainingHistory(), Listen()
    fit(history, listen, max_epochs=1)
    assert history.record.history[0].train_loss == pytest.approx(listen.sums[0] / listen.sums[1], rel=1e-5)


def test_the_training_loss_is_that_of_all_processes(fit, monkeypatch):
    alone, all_of_them = TrainingHistory(), TrainingHistory()
    fit(alone, max_epochs=1)
    sums = torch.tensor([2.0, 4.0])
    module = "codelm.callbacks.training_history"
    monkeypatch.setattr(f"{module}.sum_over_ranks", lambda _, own: own * sums if len(own) == 2 else own)
    fit(all_of_them, max_epochs=1)
    assert all_of_them.record.history[0].train_loss == pytest.approx(alone.record.history[0].train_loss / 2)


def test_the_training_loss_does_not_depend_on_accumulation(make_trainer, make_module, make_rows):
    losses = []
    for accumulate in (1, 3):
        rows = make_rows(6)
        weights = [row["step_weight"] for row in rows]
        for number, row in enumerate(rows):
            first = number - number % accumulate
            row["step_weight"] = sum(weights[first : first + accumulate])
        history = TrainingHistory()
        trainer = make_trainer(history, max_epochs=1, accumulate_grad_batches=accumulate)
        held_out = DataLoader(make_rows(2, start=9), batch_size=None)
        trainer.fit(make_module(learning_rate=1e-9), DataLoader(rows, batch_size=None), held_out)
        losses.append(history.record.history[0].train_loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_it_is_written_when_training_starts(run, stop_at):
    seen = []

    class Look(Callback):
        def on_train_start(self, trainer, pl_module):
            seen.append(read(trainer))

    run(Look(), max_epochs=1)
    assert seen[0]["status"] == "running"
    assert stats(seen[0])["final_val_loss"] is None


def test_after_an_epoch_it_tells_of_that_epochs_checkpoint(run):
    seen = []

    class Look(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            seen.append((read(trainer), trainer.checkpoint_callback.best_model_score))

    run(Look(), max_epochs=3)
    assert len(seen) == 18
    for content, score in seen[6:]:
        assert stats(content)["final_val_loss"] == pytest.approx(float(score))


def test_a_stopped_run_is_interrupted_and_describes_its_adapter(run, stop_at):
    content, _, record = run(stop_at(9, KeyboardInterrupt()))
    assert content["status"] == "interrupted"
    assert stats(content)["final_val_loss"] > 0
    assert content["adapter"]["weights"] == "best"
    assert set(content["adapter"]["sha256"]) == {path.name for path in record.adapter.iterdir()}


def test_the_final_numbers_are_those_of_the_weights_saved_whatever_made_them_best(make_trainer, make_module, make_data):
    record, callbacks = make()
    trainer = make_trainer(*callbacks)
    trainer.checkpoint_callback.monitor = "step"  # the lowest is the best: the first validation's
    trainer.fit(make_module(), datamodule=make_data())
    numbers = stats(read(trainer))
    assert (numbers["best_step"], numbers["final_val_loss"]) == (6, record.history[0].val_loss)


def test_weights_that_no_validation_has_seen_have_no_loss(make_trainer, make_module, make_data, stop_at):
    trainer = make_trainer(stop_at(9, KeyboardInterrupt()), *make()[1])
    trainer.callbacks.remove(trainer.checkpoint_callback)
    with pytest.raises(SystemExit):
        trainer.fit(make_module(), datamodule=make_data())
    content = read(trainer)
    assert content["adapter"]["weights"] == "last"
    assert len(content["phase_results"]["phase_4_training"]["history"]) == 1
    assert stats(content)["final_val_loss"] is stats(content)["best_step"] is None


def test_a_terminated_run_is_interrupted(run, stop_at):
    content, _, _ = run(stop_at(9, SIGTERMException()))
    assert content["status"] == "interrupted"


def test_a_failed_run_says_why(run, stop_at):
    content, _, _ = run(stop_at(2, ValueError("broken\nfor good")))
    assert (content["status"], content["reason"]) == ("failed", "ValueError: broken for good")
    assert stats(content)["final_val_loss"] is None


def test_early_stopping_is_told(run):
    content, _, _ = run(EarlyStopping("val/loss", patience=1, min_delta=100.0), max_epochs=6)
    assert content["status"] == "completed"
    assert stats(content)["stopped_early"] is True
    assert len(content["phase_results"]["phase_4_training"]["history"]) == 2
    content, _, _ = run(EarlyStopping("val/loss", patience=3), max_epochs=1)
    assert stats(content)["stopped_early"] is False


def test_a_resumed_run_tells_of_the_whole_training(run):
    first, trainer, _ = run(max_epochs=1)
    second, _, _ = run(max_epochs=2, ckpt_path=trainer.checkpoint_callback.best_model_path)
    history = [content["phase_results"]["phase_4_training"]["history"] for content in (first, second)]
    assert history[1][0]["val_loss"] == history[0][0]["val_loss"]
    assert [moment["epoch"] for moment in history[1]] == [1, 2]
    assert stats(second)["training_time_minutes"] > stats(first)["training_time_minutes"] / 2
    assert stats(second)["base_val_loss"] == stats(first)["base_val_loss"]


def test_a_file_where_the_folder_should_be_is_found_out_before_training(fit, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"taken.*choose another"):
        fit(Manifest(), logger=False, default_root_dir=tmp_path / "taken")


def test_a_full_disk_in_the_middle_does_not_end_the_training(fit, monkeypatch, caplog):
    from codelm.runs.finish import write_manifest as module

    calls = []

    def write(path, text):
        calls.append(path)
        if len(calls) == 2:
            raise OSError("no space left")

    monkeypatch.setattr(module, "write_text", write)
    trainer, _ = fit(Manifest(), max_epochs=1)
    assert "no space left" in caplog.text
    assert trainer.global_step == 6


def test_a_rehearsal_and_a_validation_of_its_own_leave_nothing(fit, make_trainer, make_module, make_data, tmp_path):
    fit(Manifest(), fast_dev_run=True)
    make_trainer(Manifest()).validate(make_module(), datamodule=make_data(), verbose=False)
    assert not list(tmp_path.rglob("MANIFEST.json"))


@pytest.mark.parametrize("batches", [1, 2])
def test_it_says_on_how_much_the_held_out_loss_rests(run, make_rows, batches):
    content, _, _ = run(max_epochs=1, limit_val_batches=batches)
    targets = sum(int((row["weights"] > 0)[:, 1:].sum()) for row in make_rows(2, start=9)[:batches])
    held_out = content["phase_results"]["phase_4_training"]["held_out"]
    assert held_out == {"batches": batches, "of_batches": 2, "rows": batches, "targets": targets, "of_targets": None}


def test_the_rows_of_a_validation_are_those_that_hold_something_and_its_targets_are_counted_exactly(make_rows):
    [full] = make_rows(1)
    empty = {name: torch.zeros_like(value) for name, value in full.items()}
    history = TrainingHistory()
    history.on_validation_start(None, None)
    history.counts += torch.tensor([0, 0, 2**25])
    for batch in (full, empty):
        history.on_validation_batch_end(None, None, None, batch)
    assert history.counts.tolist() == [2, 1, 2**25 + int((full["weights"] > 0)[:, 1:].sum())]
