from itertools import permutations
from types import SimpleNamespace

import pytest

from codelm.runs.batch_size import batch_settings, change_batch_size, round_limits


def made(rows=1, accumulate=12, train=90, val=30):
    trainer = SimpleNamespace(
        accumulate_grad_batches=accumulate,
        limit_train_batches=train,
        limit_val_batches=val,
        limit_test_batches=1.0,
        val_check_interval=1.0,
    )
    return trainer, SimpleNamespace(batch_size=rows)


@pytest.mark.parametrize("way", [*permutations((2, 3, 4)), (12,), (1,), (6, 12, 1)])
def test_whatever_rows_are_at_a_time_an_epoch_and_a_step_have_the_same(way):
    trainer, data = made()
    round_limits(trainer)
    for rows in way:
        change_batch_size(trainer, data, rows)
    assert data.batch_size == way[-1]
    assert trainer.accumulate_grad_batches * data.batch_size == 12
    assert trainer.limit_train_batches * data.batch_size == 96
    assert trainer.limit_val_batches * data.batch_size == 36
    assert trainer.limit_test_batches == trainer.val_check_interval == 1.0


def test_processes_that_found_different_memory_end_with_the_same_limits():
    found = []
    for chosen in (1, 3, 12):
        trainer, data = made(train=13, val=4)
        round_limits(trainer)
        change_batch_size(trainer, data, chosen)
        change_batch_size(trainer, data, 1)
        found.append(batch_settings(trainer, data))
    assert found[0] == found[1] == found[2]


def test_the_same_rows_change_nothing():
    trainer, data = made(rows=2, accumulate=4)
    before = batch_settings(trainer, data)
    change_batch_size(trainer, data, 2)
    assert batch_settings(trainer, data) == before
