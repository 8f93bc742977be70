from inspect import signature

import pytest
import torch

from codelm.errors import CodelmError, InputError
from codelm.runs.record import RunRecord, TrainLoss, Validation


def filled_record(**measured):
    """A record of a run that has measured this."""
    record = RunRecord()
    for name, value in measured.items():
        setattr(record, name, value)
    return record


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (SystemExit(143), ("interrupted", None)),
        (KeyboardInterrupt(), ("interrupted", None)),
        (RuntimeError("two\n lines"), ("failed", "RuntimeError: two lines")),
        (caused(RuntimeError("closed"), CodelmError("rank 1 ended")), ("failed", "CodelmError: rank 1 ended")),
        (caused(RuntimeError("closed"), OSError("reset")), ("failed", "RuntimeError: closed")),
        (caused(InputError("no config"), CodelmError("no file")), ("failed", "InputError: no config")),
        (ValueError("x" * 5000), ("failed", ("ValueError: " + "x" * 5000)[:1000])),
    ],
)
def test_an_exception_gives_the_run_its_status(error, wanted):
    record = RunRecord()
    record.ended_by(error)
    assert (record.status, record.reason) == wanted


def test_a_record_begins_empty_so_that_no_configuration_can_fill_it():
    assert not signature(RunRecord).parameters


def test_the_validation_of_saved_weights_is_the_last_one_at_their_step():
    steps = [10, 20, 20, 30]
    history = [Validation(1, step, 2.0, 1.0 + place, 6.0) for place, step in enumerate(steps)]
    record = filled_record(history=history)
    assert record.at_step(10) is history[0]
    assert record.at_step(20) is history[2]
    assert record.at_step(25) is record.at_step(None) is RunRecord().at_step(0) is None


def test_time_is_counted_from_the_beginning_to_the_stop_and_added_to_that_of_earlier_runs(monkeypatch):
    ticks = iter([10.0, 15.0, 18.0])
    monkeypatch.setattr("codelm.runs.record.time.perf_counter", lambda: next(ticks))
    record = filled_record(earlier_seconds=100.0)
    assert record.seconds == 100.0
    record.begin({})
    assert record.seconds == 105.0
    record.stop_clock()
    assert record.seconds == record.earlier_seconds == 108.0


def test_a_run_that_begins_forgets_how_the_one_before_ended():
    record = filled_record(
        base_loss=2.0, figures={"run": {}}, evaluation_failure="no memory", manifest={"status": "failed"}
    )
    record.ended_by(ValueError("no"))
    record.begin({"scrape": {}})
    assert (record.status, record.reason, record.figures, record.evaluation_failure) == ("running", None, None, None)
    assert (record.manifest, record.facts, record.base_loss) == ({}, {"scrape": {}}, 2.0)


def test_the_mean_training_loss_is_over_weights_and_not_over_batches(make_rows):
    small, large = make_rows(2)
    small["weights"] = small["weights"] / 3
    small["step_weight"] = small["weights"][:, 1:].sum()
    loss = TrainLoss()
    assert loss.mean is None
    loss.add(torch.tensor(4.0), small)
    loss.add(torch.tensor(1.0), large)
    weights = float(small["step_weight"]), float(large["step_weight"])
    assert loss.mean == pytest.approx((4 * weights[0] + weights[1]) / sum(weights), rel=1e-6)
    loss.reset()
    assert loss.mean is None


def test_the_sums_of_a_checkpoint_follow_the_batches_to_their_device(make_rows):
    loss = TrainLoss()
    loss.sums = torch.ones(2)
    (batch,) = make_rows(1)
    loss.add(torch.ones((), device="meta"), {name: tensor.to("meta") for name, tensor in batch.items()})
    assert loss.sums.device.type == "meta"
