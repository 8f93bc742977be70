"""What a training does with ``trainer.max_time``, on a clock that only the training itself moves."""

import re
from types import SimpleNamespace

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Timer

from codelm.callbacks import BaseReference, FinishRun, Manifest, TimeLimit, TrainingHistory
from codelm.runs.finish import default_steps
from codelm.runs.record import RunRecord

BASE, BATCH, VALIDATION, REST = 20, 1, 8, 12
"""Seconds of the base's measurements, of a batch, of a validation, and of what else is measured behind an epoch."""

BATCHES = 6
"""Batches of an epoch."""

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
]


class Work(Callback):
    """Takes its time over everything that takes time."""

    def __init__(self, clock):
        self.clock = clock

    def on_train_start(self, *_):
        self.clock[0] += BASE

    def on_train_batch_start(self, *_):
        self.clock[0] += BATCH

    def on_validation_start(self, *_):
        self.clock[0] += VALIDATION

    def on_train_epoch_end(self, *_):
        self.clock[0] += REST


class ResumedWork(Work):
    """The base is not measured again."""

    def on_train_start(self, *_):
        pass


@pytest.fixture
def clock(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("codelm.runs.record.time.perf_counter", lambda: clock[0])
    return clock


@pytest.fixture
def train(fit, clock):
    """Return a function that trains with a limit, in seconds; returns record, trainer and the seconds it took."""

    def train(limit, *, work=Work, **options):
        record = RunRecord()
        measuring = [BaseReference(record), TrainingHistory(record), Manifest(record)]
        callbacks = [TimeLimit(record), *measuring, work(clock), FinishRun(default_steps(), record)]
        before = clock[0]
        trainer, _ = fit(*callbacks, **({"max_epochs": 99, "max_time": {"seconds": limit}} | options))
        return record, trainer, clock[0] - before

    return train


@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"val_check_interval": 3}], ids=str)
@pytest.mark.parametrize("limit", [42, 50, 67, 68, 100, 131, 200])
def test_a_training_ends_within_its_time_measurements_included_and_wastes_little_of_it(train, limit, options):
    record, trainer, seconds = train(limit, **options)
    assert seconds <= limit
    again = BATCH * options.get("accumulate_grad_batches", 1) + BASE
    assert limit - seconds < again + VALIDATION + REST
    assert record.history[-1].step == trainer.global_step > 0
    reason = rf"trainer\.max_time reached after {trainer.global_step} of \d+ steps"
    assert re.fullmatch(reason, record.manifest["reason"])
    assert record.manifest["status"] == "completed"


def test_without_a_limit_a_training_is_not_ended(train):
    record, trainer, _ = train(None, max_epochs=3, max_time=None)
    assert (trainer.global_step, record.reason) == (3 * BATCHES, None)


def test_a_training_whose_epochs_end_in_time_says_nothing_of_a_limit(train):
    record, trainer, _ = train(1000, max_epochs=2)
    assert (trainer.global_step, record.reason) == (2 * BATCHES, None)


@pytest.mark.parametrize("limit", [5, BASE + BATCH + VALIDATION])
def test_a_time_that_the_measurements_alone_take_trains_one_step_and_says_so(train, caplog, limit):
    record, trainer, seconds = train(limit)
    assert (trainer.global_step, seconds) == (1, BASE + BATCH + VALIDATION + REST)
    assert [each.step for each in record.history] == [1]
    (line,) = [one.getMessage() for one in caplog.records if "too short" in one.getMessage()]
    assert line.startswith(
        f"trainer.max_time 0:00:{limit:02} is too short: the measurements took 0:00:20 before training"
    )


def test_a_step_is_trained_also_where_the_time_is_up_within_it(train):
    record, trainer, _ = train(1e-6, accumulate_grad_batches=4)
    assert trainer.global_step == 1
    assert record.manifest["reason"].startswith("trainer.max_time reached after 1 of ")


def test_a_resumed_training_counts_on_and_has_learned_how_long_measurements_take(train):
    _, first, before = train(70)
    last = first.checkpoint_callback.last_model_path
    record, second, seconds = train(70, work=ResumedWork, ckpt_path=last)
    assert (second.global_step, seconds) == (first.global_step, 0)
    assert "nothing was left to train" in record.reason
    record, third, seconds = train(120, work=ResumedWork, ckpt_path=last)
    assert third.global_step > first.global_step
    assert before + seconds <= 120


class Slower(Work):
    """A machine that takes three times as long from its third batch on."""

    batches = 0

    def on_train_batch_start(self, *_):
        self.batches += 1
        self.clock[0] += BATCH * (1 if self.batches < 3 else 3)

    def on_validation_start(self, *_):
        self.clock[0] += 3 * VALIDATION

    def on_train_epoch_end(self, *_):
        self.clock[0] += 3 * REST


def test_a_training_ends_within_its_time_also_where_the_machine_becomes_slower(train):
    record, trainer, seconds = train(140, work=Slower)
    assert (trainer.global_step, seconds) == (BATCHES, 94)
    assert record.time_is_up


@pytest.mark.parametrize("first", [True, False])
def test_all_processes_end_as_the_first_one_s_clock_says(clock, monkeypatch, first):
    monkeypatch.setattr("codelm.callbacks.time_limit.is_within_step", lambda _: False)
    strategy = SimpleNamespace(broadcast=lambda own: first)
    timer = Timer(duration={"seconds": 50})
    trainer = SimpleNamespace(callbacks=[timer], global_step=0, should_stop=False, world_size=2, strategy=strategy)
    callback = TimeLimit()
    callback.record.begin({})
    callback.on_train_start(trainer, None)
    clock[0] += 10 if first else 100
    callback.on_train_batch_end(trainer, None, {}, {}, 0)
    assert trainer.should_stop == callback.record.time_is_up == first
