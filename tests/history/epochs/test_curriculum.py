import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codelm.errors import InputError
from codelm.history.epochs.curriculum import difficulty, draw_epoch

WEIGHTS = arrays(np.float64, st.integers(1, 300), elements=st.floats(0.01, 100))


def whole_epoch(weights, seed=0):
    (drawn,) = draw_epoch(weights, np.zeros(len(weights)), seed=seed, epoch=0, curriculum_epochs=0)
    return drawn


@given(WEIGHTS, st.integers(0, 9))
def test_each_sample_is_drawn_as_often_as_its_weight_says_to_one_draw(weights, seed):
    drawn = np.bincount(whole_epoch(weights, seed), minlength=len(weights))
    assert np.abs(drawn - len(weights) * weights / weights.sum()).max() < 1.0 + 1e-6


@given(st.integers(1, 5000), st.floats(0.1, 10), st.integers(0, 99))
def test_equal_weights_draw_every_sample_exactly_once(count, weight, seed):
    assert whole_epoch(np.full(count, weight), seed).tolist() == list(range(count))


def test_short_samples_of_small_commits_are_easy():
    assert difficulty(np.array([10, 1000, 100]), np.array([5, 900, 50])).tolist() == [0.0, 1.0, 0.5]


def test_a_curriculum_begins_with_easy_samples_and_ends_with_all():
    easy_first = np.linspace(0, 1, 1000)
    stages = draw_epoch(np.ones(1000), easy_first, seed=0, epoch=0, curriculum_epochs=1.0)
    hardest = [easy_first[stage].max() for stage in stages]
    assert hardest[0] <= 0.1
    assert hardest == sorted(hardest)
    assert sum(map(len, stages)) == 1000
    (everything,) = draw_epoch(np.ones(1000), easy_first, seed=0, epoch=1, curriculum_epochs=1.0)
    assert everything.tolist() == list(range(1000))


def test_what_has_no_weight_is_not_drawn_even_where_nothing_else_is_easy():
    weights = np.array([0.0] * 20 + [1.0] * 80)
    stages = draw_epoch(weights, np.linspace(0, 1, 100), seed=0, epoch=0, curriculum_epochs=1.0)
    assert min(map(min, stages)) >= 20


def test_nothing_with_a_weight_is_refused():
    with pytest.raises(InputError, match="weight 0"):
        draw_epoch(np.zeros(5), np.zeros(5), seed=0, epoch=0, curriculum_epochs=0.0)


def test_no_sample_at_all_is_refused_by_its_own_name():
    with pytest.raises(InputError, match=r"no sample to learn.*data\.held_out"):
        draw_epoch(np.zeros(0), np.zeros(0), seed=0, epoch=0, curriculum_epochs=1.0)


@pytest.mark.parametrize("count", range(1, 10))
def test_fewer_samples_than_stages_are_all_taken_without_a_warning(count):
    stages = draw_epoch(np.ones(count), np.linspace(0, 1, count), seed=0, epoch=0, curriculum_epochs=1.0)
    assert sum(map(len, stages)) == count
    assert all(map(len, stages))


def test_the_same_seed_and_epoch_draw_the_same():
    weights = np.random.default_rng(0).random(100)
    draws = [
        draw_epoch(weights, weights, seed=seed, epoch=epoch, curriculum_epochs=2)
        for seed, epoch in [(1, 1), (1, 1), (1, 0)]
    ]
    assert all((a == b).all() for a, b in zip(draws[0], draws[1], strict=True))
    assert any(a.tolist() != b.tolist() for a, b in zip(draws[0], draws[2], strict=True))
