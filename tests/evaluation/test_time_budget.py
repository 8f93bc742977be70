from types import SimpleNamespace

import pytest

from codelm.evaluation import time_budget as module
from codelm.evaluation.time_budget import OutOfTimeError, TimeBudget


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now.seconds)
    return now


def test_the_time_left_becomes_less_and_ends_at_zero(clock):
    budget = TimeBudget(10)
    assert (budget.seconds_left, budget.is_over) == (10, False)
    clock.seconds += 4
    assert budget.seconds_left == 6
    budget.check()
    clock.seconds += 7
    assert (budget.seconds_left, budget.is_over) == (0, True)
    with pytest.raises(OutOfTimeError):
        budget.check()


def test_a_share_is_of_the_time_left(clock):
    budget = TimeBudget(10)
    clock.seconds += 4
    share = budget.share(0.5)
    assert share.seconds_left == 3
    clock.seconds += 3
    assert share.is_over
    assert not budget.is_over
    clock.seconds += 99
    assert budget.share(0.5).is_over
