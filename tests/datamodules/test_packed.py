import multiprocessing
import os
import signal
import time
from types import SimpleNamespace

import pytest
import torch

from codelm.datamodules.packed import PackedDataModule

LENGTHS = [5, 9, 3, 12, 7, 4, 6, 10, 2, 8] * 4


@pytest.fixture
def make_data(make_store):
    """Return a function that makes a datamodule over training samples of the given lengths."""

    def make(lengths, **settings):
        fixed = {"context_weight": 0.5, "seed": 1, "num_workers": 0}
        data = PackedDataModule(**({"batch_size": 2, "curriculum_epochs": 0.0} | fixed | settings))
        data.store = make_store(train=lengths)
        return data

    return make


@pytest.fixture
def data(make_data):
    return make_data(LENGTHS, sequence_length=16)


def drawn(loader):
    """Return how many tokens of each training sample a loader serves."""
    ids = torch.cat([batch["input_ids"].flatten() for batch in loader])
    return torch.bincount(ids, minlength=10 + len(LENGTHS))[10:].tolist()


def test_an_epoch_serves_every_token_of_every_sample_once(data):
    assert drawn(data.train_dataloader()) == LENGTHS


def test_each_epoch_has_its_own_order(data):
    first, again, second = (next(iter(data.epoch_dataloader(epoch)))["input_ids"].tolist() for epoch in (0, 0, 1))
    assert first == again != second


def test_the_steps_of_an_epoch_are_known_before_it_begins(data):
    planned = data.micro_batches(0, accumulate=3)
    assert data.optimizer_steps(1, accumulate=3) == -(-len(planned) // 3)
    assert data.optimizer_steps(2) == len(data.micro_batches(0)) + len(data.micro_batches(1))


def test_a_steps_weight_is_the_weight_of_its_labels(data):
    batches = list(data.epoch_dataloader(0, accumulate=3))
    for first in range(0, len(batches), 3):
        step = batches[first : first + 3]
        total = sum(float(batch["weights"].sum()) for batch in step)
        assert [float(batch["step_weight"]) for batch in step] == pytest.approx([total] * len(step))


def test_a_step_that_the_trainer_cuts_short_weighs_what_is_left_of_it(data):
    settings = {
        "limit_train_batches": 3,
        "accumulate_grad_batches": 2,
        "max_epochs": 2,
        "max_steps": -1,
        "num_devices": 1,
    }
    loop = SimpleNamespace(restarting=False)
    data.trainer = SimpleNamespace(**settings, current_epoch=0, global_rank=0, world_size=1, fit_loop=loop)
    batches = list(data.train_dataloader())
    assert len(batches) == 3
    assert float(batches[2]["step_weight"]) == pytest.approx(float(batches[2]["weights"].sum()))
    assert data.total_steps == 4


def test_the_steps_of_a_share_of_the_batches_are_known_without_lightning_s_loader(data):
    """Lightning would make it to count, before the position of a resumed run is restored."""
    settings = {"limit_train_batches": 0.5, "accumulate_grad_batches": 2, "max_epochs": 2, "max_steps": -1}
    data.trainer = SimpleNamespace(**settings, world_size=1)
    assert data.total_steps == sum(-(-(len(data.micro_batches(epoch)) // 2) // 2) for epoch in range(2))


def shown(batches):
    return sorted({index for batch in batches for row in batch.rows for index in row})


def test_what_some_steps_have_drawn_is_what_they_were_shown(data):
    first = data.micro_batches(0, accumulate=2)
    steps = data.optimizer_steps(1, accumulate=2)
    assert len(first) % 2 == 1  # the last step of an epoch has fewer batches
    assert data.drawn(0, accumulate=2) == []
    assert data.drawn(2, accumulate=2) == shown(first[:4]) != data.drawn(2)
    assert data.drawn(steps, accumulate=2) == shown(first)
    data.batch_size = 1
    assert data.drawn(2, accumulate=2, ranks=2) == shown(first[:4])


def test_where_the_trainer_takes_a_share_of_an_epoch_nothing_else_is_drawn(data):
    first, second = (data.micro_batches(epoch, accumulate=2) for epoch in (0, 1))
    assert len(first) == 9
    assert data.drawn(2, share=0.4, accumulate=2) == shown(first[:3])
    assert data.drawn(3, share=0.4, accumulate=2) == shown(first[:3] + second[:2])


def test_held_out_rows_weigh_added_lines_alone(data):
    (batch,) = data.val_dataloader()
    assert sorted(batch["weights"].unique().tolist()) == [0.0, 1.0]
    assert float(batch["step_weight"]) == float(batch["weights"].sum())


def test_under_a_curriculum_an_epoch_begins_with_short_samples(make_data):
    data = make_data(range(2, 62), sequence_length=64, batch_size=1, curriculum_epochs=1.0)
    longest = [max(data.store.samples["length"][list(row)]) for row in data.rows(0)]
    assert max(longest[:2]) < max(longest)
    assert longest[-1] > 30


def test_the_rows_that_the_trainer_takes_come_from_all_stages(make_data):
    data = make_data(range(2, 62), sequence_length=64, batch_size=1, curriculum_epochs=1.0)
    whole = data.rows(0)
    data.trainer = SimpleNamespace(limit_train_batches=6, world_size=1)
    kept = data.rows(0)
    places = [whole.index(row) for row in kept]
    assert len(kept) == 6
    assert places == sorted(places)
    assert places[-1] >= len(whole) * 3 // 4
    data.trainer.limit_train_batches = 1_000
    assert data.rows(0) == whole


def test_rows_of_4096_hold_samples_up_to_their_length(make_data):
    (batch,) = make_data((4095, 4096), sequence_length=4096).train_dataloader()
    assert batch["input_ids"].shape == (2, 4096)
    assert sorted(batch["position_ids"].max(dim=1).values.tolist()) == [4094, 4095]


def test_workers_serve_the_same_batches(data):
    alone = [batch["input_ids"].tolist() for batch in data.train_dataloader()]
    data.num_workers = 1
    assert [batch["input_ids"].tolist() for batch in data.train_dataloader()] == alone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_worker_outlives_the_signals_that_stop_a_run(data, number):
    alone = [batch["input_ids"].tolist() for batch in data.train_dataloader()]
    data.num_workers = 1
    batches = iter(data.train_dataloader())
    first = next(batches)["input_ids"].tolist()
    for child in multiprocessing.active_children():
        os.kill(child.pid, number)
    time.sleep(0.2)
    assert [first, *(batch["input_ids"].tolist() for batch in batches)] == alone


@pytest.mark.parametrize(("ranks", "started"), [(None, 4), (2, 2), (8, 1)])
def test_no_more_workers_are_started_than_there_are_cores_and_a_line_says_so(data, monkeypatch, caplog, ranks, started):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    data.num_workers = 500
    data.trainer = None if ranks is None else SimpleNamespace(num_devices=ranks)
    data.setup("fit")
    assert data.workers == started
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"data.num_workers is 500, {started} are started: this process of the run has so many cores"


def test_a_task_of_slurm_has_the_cores_that_slurm_gives_each(data, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    data.num_workers, data.trainer = 500, SimpleNamespace(num_devices=2)
    assert data.workers == 2  # in the batch script, whose cores are all there are
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    assert data.workers == 4


@pytest.mark.parametrize("workers", [0, 4])
def test_workers_for_whom_there_are_cores_are_started_without_a_word(data, monkeypatch, caplog, workers):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    data.num_workers = workers
    data.setup("fit")
    assert (data.workers, caplog.records) == (workers, [])
