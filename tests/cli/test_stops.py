"""Runs that Ctrl-C or SIGTERM stops, and what is left of them when they go on."""

import json
import pkgutil
import shlex
import signal

import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from codelm.cli import main
from codelm.files import hashes
from tests.cli.short_runs import files, manifest, moments, training


def test_a_stopped_run_says_so_in_its_manifest(codelm, folder, monkeypatch):
    from codelm.modules import LoRACausalLM

    step = LoRACausalLM.training_step

    def stop_in_second_epoch(self, batch, batch_idx):
        if self.current_epoch == 1:
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LoRACausalLM, "training_step", stop_in_second_epoch)
    status, error = codelm("fit", "--quiet")
    assert (status, error) == (143, "codelm: stopped\n")
    assert manifest(folder)["status"] == "interrupted"
    assert (folder / "runs/numbers/version_0/adapter/adapter_model.safetensors").is_file()


@pytest.fixture
def stop_in(monkeypatch):
    """Return a function that lets a signal come once, in the N-th training or validation step of the process."""
    from codelm.modules import LoRACausalLM

    def arm(name, number, sent):
        step, calls = getattr(LoRACausalLM, name), []

        def stopping_step(self, batch, batch_idx):
            calls.append((self.current_epoch, batch["input_ids"].tolist()))
            if len(calls) == number:
                signal.raise_signal(sent)
            return step(self, batch, batch_idx)

        monkeypatch.setattr(LoRACausalLM, name, stopping_step)
        return calls

    return arm


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_stopped_in_its_first_epoch_goes_on_behind_its_last_step(codelm, folder, stop_in, sent, status):
    """Six batches, two to a step; stopped in the fourth, so behind one step and half of another."""
    rows = ["--trainer.accumulate_grad_batches=2", "--trainer.limit_train_batches=6", "--data.batch_size=1"]
    calls = stop_in("training_step", 4, sent)
    assert codelm("fit", "--quiet", *rows) == (status, "codelm: stopped\n")
    assert (folder / "runs/numbers/version_0/checkpoints/last.ckpt").is_file()
    status, error = codelm("fit", "--ckpt_path=last", *rows)
    assert status == 0, error
    assert calls[4][1] == calls[2][1]
    assert [epoch for epoch, _ in calls] == [0] * 8 + [1] * 6
    assert moments(folder) == [(1, 3), (2, 6)]
    assert {path.name for path in (folder / "runs/numbers/version_0/checkpoints").glob("last*")} == {"last.ckpt"}


def test_a_run_stopped_in_a_validation_measures_all_of_it_when_it_goes_on(codelm, folder, stop_in):
    calls = stop_in("validation_step", 2, signal.SIGTERM)
    assert codelm("fit", "--quiet")[0] == 143
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 0, error
    assert [epoch for epoch, _ in calls] == [0, 0, 0, 0, 1, 1]
    assert calls[2:4] == calls[:2]
    assert moments(folder) == [(1, 3), (2, 6)]


@pytest.mark.parametrize(
    "where",
    [
        "codelm.datamodules.GitCommitDataModule.prepare_data",
        "codelm.modules.LoRACausalLM.configure_model",
        "codelm.callbacks.BaseReference.on_train_start",
    ],
    ids=["store", "base", "measurements"],
)
def test_a_run_stopped_while_it_is_set_up_leaves_nothing(codelm, folder, monkeypatch, where):
    send(monkeypatch, where, 1, signal.SIGTERM)
    status, error = codelm("fit")
    assert (status, error.splitlines()[-1]) == (143, "codelm: stopped")
    assert files(folder) == set()


def test_a_run_stopped_before_it_goes_on_stays_as_it_was(codelm, folder, monkeypatch, stop_in):
    stop_in("training_step", 3, signal.SIGTERM)
    assert codelm("fit")[0] == 143
    before = hashes(folder)
    send(monkeypatch, "codelm.modules.LoRACausalLM.configure_model", 1, signal.SIGTERM)
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 143
    assert "--ckpt_path last" in error
    assert hashes(folder) == before


def test_a_run_stopped_before_its_first_step_leaves_nothing(codelm, folder, stop_in):
    stop_in("training_step", 1, signal.SIGTERM)
    status, error = codelm("fit")
    assert status == 143
    assert "goes on with" not in error
    assert files(folder) == set()


@pytest.mark.parametrize("kept", ["last", "best"])
def test_a_stopped_run_says_by_which_command_it_goes_on(codelm, folder, stop_in, kept):
    stop_in("training_step", 5, signal.SIGTERM)  # the second of the second epoch
    status, error = codelm("fit", f"--checkpoint.save_last={str(kept == 'last').lower()}", "--output=all runs")
    assert status == 143
    (command,) = [line for line in error.splitlines() if "goes on with" in line]
    said, _, typed = command.partition("codelm ")
    assert said == "the training was stopped at step 4; it goes on with: "
    assert typed == f"fit --config 'all runs/numbers/version_0/config.yaml' --ckpt_path {kept}"
    assert main(shlex.split(typed)) == 0
    content = json.loads((folder / "all runs/numbers/version_0/MANIFEST.json").read_text())
    assert content["status"] == "completed"


@pytest.fixture
def whole(codelm, folder):
    """What a run leaves that nobody stopped: its adapter's digests and its history, without the time."""
    assert codelm("fit", "--name=whole")[0] == 0
    return left(folder, "whole")


def left(folder, name):
    run = folder / f"runs/{name}/version_0"
    return hashes(run / "adapter"), [each | {"seconds": 0} for each in training(folder, name=name)["history"]]


def send(monkeypatch, where, call, *numbers, behind=False):
    """Let signals come at, or right behind, the N-th call of a function."""
    function, calls = pkgutil.resolve_name(where), []

    def sending(*arguments, **named):
        calls.append(1)
        done = function(*arguments, **named) if behind else None
        for number in numbers if len(calls) == call else ():
            signal.raise_signal(number)
        return done if behind else function(*arguments, **named)

    monkeypatch.setattr(where, sending)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("where", "behind"),
    [
        ("torch.optim.AdamW.step", True),
        ("codelm.modules.CausalLM.lr_scheduler_step", False),
        ("codelm.callbacks.TrainingHistory.on_train_batch_end", False),
    ],
    ids=["weights", "rate", "losses"],
)
def test_a_stop_within_an_optimizer_step_waits_for_its_end(
    codelm, folder, whole, monkeypatch, sent, status, where, behind
):
    send(monkeypatch, where, 2, sent, behind=behind)
    assert codelm("fit", "--quiet") == (status, "codelm: stopped\n")
    assert codelm("fit", "--ckpt_path=last")[0] == 0
    assert left(folder, "numbers") == whole


def test_a_second_stop_within_an_optimizer_step_does_not_wait_and_saves_nothing(codelm, folder, whole, monkeypatch):
    send(monkeypatch, "torch.optim.AdamW.step", 2, signal.SIGTERM, signal.SIGTERM, behind=True)
    assert codelm("fit", "--quiet") == (143, "codelm: stopped\n")
    assert not list((folder / "runs/numbers").rglob("*.ckpt"))
    assert codelm("fit", "--name=numbers")[0] == 0


def test_a_stop_while_the_events_are_closed_is_a_stop(codelm, folder, monkeypatch):
    send(monkeypatch, "torch.utils.tensorboard.FileWriter.close", 1, signal.SIGTERM, behind=True)
    assert codelm("fit", "--quiet") == (143, "codelm: stopped\n")
    assert manifest(folder)["status"] == "completed"


def test_what_fails_after_a_stop_does_not_take_its_place(codelm, folder, stop_in, monkeypatch):
    def fail(*_):
        raise RuntimeError("nobody is there")

    stop_in("training_step", 2, signal.SIGTERM)
    monkeypatch.setattr(TensorBoardLogger, "finalize", fail)
    status, error = codelm("fit", "--quiet")
    assert status == 143
    assert error.startswith("codelm: stopped; then error: RuntimeError: nobody is there")
