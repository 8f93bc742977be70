import numpy as np
import pytest

from codelm.history.epochs.plan import efficiency, micro_batches, pack_stages

LENGTHS = np.random.default_rng(0).integers(1, 64, 500)
WEIGHTS = LENGTHS * 0.5


def rows(epoch=0):
    return pack_stages([np.arange(250), np.arange(250, 500)], LENGTHS, 64, seed=1, epoch=epoch)


def test_stages_come_in_order_and_what_fills_no_row_waits_for_the_next():
    full = [row for row in rows() if max(row) < 250 and LENGTHS[list(row)].sum() >= 0.98 * 64]
    assert full
    assert rows()[: len(full)] == full


def test_every_drawn_sample_is_in_exactly_one_row():
    assert sorted(index for row in rows() for index in row) == list(range(500))


def test_stages_take_hardly_a_row_more_than_one_packing():
    together = pack_stages([np.arange(500)], LENGTHS, 64, seed=1, epoch=0)
    apart = pack_stages(np.array_split(np.arange(500), 8), LENGTHS, 64, seed=1, epoch=0)
    assert len(apart) <= len(together) + 2


def test_each_epoch_has_its_own_order_and_always_the_same():
    assert rows(0) == rows(0)
    assert rows(0) != rows(1)


@pytest.mark.parametrize("ranks", [1, 3])
def test_every_row_is_computed_once_whatever_the_number_of_ranks(ranks):
    planned = [micro_batches(rows(), WEIGHTS, batch_size=2, accumulate=3, rank=r, ranks=ranks) for r in range(ranks)]
    seen = [row for rank in planned for batch in rank for row in batch.rows if row]
    assert sorted(seen) == sorted(rows())
    assert len({len(rank) for rank in planned}) == 1


def test_a_step_knows_the_weight_of_all_its_rows():
    batches = micro_batches(rows(), WEIGHTS, batch_size=2, accumulate=4)
    for first in range(0, len(batches), 4):
        step = batches[first : first + 4]
        total = sum(WEIGHTS[list(row)].sum() for batch in step for row in batch.rows)
        assert all(batch.step_weight == pytest.approx(total) for batch in step)


def test_the_ranks_share_a_steps_weight():
    alone = micro_batches(rows(), WEIGHTS, batch_size=2, accumulate=4)[0]
    shared = micro_batches(rows(), WEIGHTS, batch_size=2, accumulate=2, rank=0, ranks=2)[0]
    assert shared.step_weight == pytest.approx(alone.step_weight / 2)


def test_a_rank_without_rows_computes_an_empty_one():
    (batch,) = micro_batches([(0, 1)], np.ones(2), batch_size=1, rank=1, ranks=2)
    assert batch.rows == ((),)


def test_efficiency_is_the_share_of_used_positions():
    assert efficiency([(0, 1), (2,)], np.array([3, 1, 4]), 4) == 1.0
    assert efficiency([(0,), (2,)], np.array([3, 1, 4]), 8) == pytest.approx(7 / 16)
