import logging
from types import SimpleNamespace

import pytest
import torch
from jsonargparse import Namespace

from codelm.cli import batch_size
from codelm.cli.batch_size import keep_rows_of_step, settle_batch_size
from codelm.errors import ResourceError
from codelm.modules.step_memory import StepMemory, UntraceableError

GIB = 2**30


@pytest.fixture
def settle(monkeypatch):
    """Settle a run of 4 x 4 rows on a device with so much memory; a row needs 1 GiB, the weights 2."""

    def run(free, *, auto=False, trace=None, checkpoint=None):
        monkeypatch.setattr(batch_size, "free_bytes", lambda device: int(free * GIB))
        known = trace or (lambda model, *, rows, tokens, dtype, device: StepMemory(2 * GIB, 0, rows * GIB, 0, 0))
        monkeypatch.setattr(batch_size, "trace_step", known)
        trainer = SimpleNamespace(
            strategy=SimpleNamespace(root_device=torch.device("cpu")),
            accumulate_grad_batches=16 if auto else 4,
            limit_train_batches=32,
            limit_val_batches=1.0,
            limit_test_batches=1.0,
            val_check_interval=1.0,
        )
        data = SimpleNamespace(batch_size=1 if auto else 4, sequence_length=128, chooses_batch_size=auto)
        model = SimpleNamespace(precision="32-true")
        return settle_batch_size(trainer, model, data, checkpoint)

    return run


def test_given_rows_stay(settle, caplog):
    with caplog.at_level(logging.INFO):
        decided = settle(8)
    assert decided == {"data.batch_size": 4, "trainer.accumulate_grad_batches": 4, "trainer.limit_train_batches": 32}
    assert "memory: a step with 4 rows at a time needs 6.00 GiB" in caplog.text


@pytest.mark.parametrize(
    ("free", "rows", "batches", "limit"), [(80, 16, 1, 2), (8, 4, 4, 8), (5, 1, 16, 32), (3.5, 1, 16, 32)]
)
def test_auto_takes_what_fits_and_keeps_the_rows_of_a_step_and_of_an_epoch(settle, free, rows, batches, limit):
    assert settle(free, auto=True) == {
        "data.batch_size": rows,
        "trainer.accumulate_grad_batches": batches,
        "trainer.limit_train_batches": limit,
    }


def test_rows_are_fewer_where_the_host_cannot_keep_their_activations(settle, monkeypatch, caplog):
    def trace(model, *, rows, tokens, dtype, device):
        return StepMemory(2 * GIB, 0, 0, 0, 0, host=rows * GIB)

    monkeypatch.setattr(batch_size, "free_memory", lambda: 5 * GIB)
    assert settle(80, auto=True, trace=trace)["data.batch_size"] == 4
    monkeypatch.setattr(batch_size, "free_memory", lambda: 4.5 * GIB)
    settle(80, trace=trace)
    assert "memory may run out: the host has to keep activations: give fewer rows at a time" in caplog.text


def test_what_may_not_fit_is_told_and_tried(settle, caplog):
    settle(6.5)
    assert "memory may run out: give --data.batch_size auto: a step's 16 rows stay" in caplog.text


@pytest.mark.parametrize(
    ("free", "auto", "remedy"),
    [
        (
            5,
            False,
            "6.00 GiB .*give --data.batch_size auto: a step's 16 rows stay",
        ),
        (2, True, "1 row at a time .*give a shorter --data.sequence_length"),
    ],
)
def test_what_cannot_fit_is_refused_with_what_does(settle, free, auto, remedy):
    with pytest.raises(ResourceError, match=remedy):
        settle(free, auto=auto)


@pytest.mark.parametrize("auto", [True, False])
def test_memory_that_is_unknown_is_told_and_one_row_taken_if_none_was_given(settle, caplog, auto):
    def unknown(*arguments, **options):
        raise UntraceableError("the memory that base model x needs is unknown: why")

    assert settle(80, auto=auto, trace=unknown)["data.batch_size"] == (1 if auto else 4)
    assert "the memory that base model x needs is unknown: why" in caplog.text
    assert ("taking 1 row at a time" in caplog.text) == auto


@pytest.mark.parametrize(
    ("saved", "free", "taken"), [(2, 8, 2), (16, 99, 16), (16, 8, 4), (3, 8, 4), (None, 8, 4)], ids=str
)
def test_a_run_that_goes_on_takes_the_rows_of_its_checkpoint_if_they_fit_and_divide_a_step(
    settle, monkeypatch, saved, free, taken
):
    monkeypatch.setattr(batch_size, "read_settings", lambda path: {"data.batch_size": saved} if saved else {})
    decided = settle(free, auto=True, checkpoint="last.ckpt")
    assert (decided["data.batch_size"], decided["trainer.accumulate_grad_batches"]) == (taken, 16 // taken)


RUN = "data: {batch_size: 4}\ntrainer: {accumulate_grad_batches: 4, limit_train_batches: 8, val_check_interval: 1.0}\n"
AUTO = "data: {batch_size: auto}\ntrainer: {accumulate_grad_batches: 16}\n"


@pytest.mark.parametrize(
    ("configs", "rows", "arguments", "kept"),
    [
        ([RUN], "auto", [], (16, 32, 1.0)),
        ([AUTO, RUN], "auto", [], (16, 32, 1.0)),
        ([RUN, "trainer: {max_epochs: 3}\n"], "auto", [], (16, 32, 1.0)),
        ([RUN, AUTO], "auto", [], (4, 8, 1.0)),
        (["data: data.yaml\n" + RUN.split("\n", 1)[1]], "auto", [], (4, 8, 1.0)),
        ([RUN], 2, [], (4, 8, 1.0)),
        ([RUN], "auto", ["--trainer.accumulate_grad_batches=4"], (4, 32, 1.0)),
        ([RUN], "auto", ["--trainer.limit_train_batches", "8"], (16, 8, 1.0)),
    ],
)
def test_auto_over_a_configuration_with_a_number_keeps_its_rows_of_a_step(tmp_path, configs, rows, arguments, kept):
    paths = [tmp_path / f"{number}.yaml" for number in range(len(configs))]
    for path, text in zip(paths, configs, strict=True):
        path.write_text(text)
    settings = Namespace()
    settings["data.batch_size"] = rows
    names = ("accumulate_grad_batches", "limit_train_batches", "val_check_interval")
    for name, value in zip((*names, "limit_val_batches", "limit_test_batches"), (4, 8, 1.0, 1.0, 1.0), strict=True):
        settings[f"trainer.{name}"] = value
    keep_rows_of_step(settings, paths, arguments)
    assert tuple(settings.trainer[name] for name in names) == kept
