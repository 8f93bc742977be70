from types import SimpleNamespace

import pytest

from codelm.evaluation import budget as module
from codelm.evaluation.budget import Deadline


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on when told to."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now.seconds)
    return now


def test_what_is_left_becomes_less_and_ends_at_nothing(clock):
    deadline = Deadline(10)
    assert (deadline.left, deadline.passed) == (10, False)
    clock.seconds += 4
    assert deadline.left == 6
    clock.seconds += 7
    assert (deadline.left, deadline.passed) == (0, True)


def test_a_part_has_a_share_of_what_is_left(clock):
    deadline = Deadline(10)
    clock.seconds += 4
    part = deadline.part(0.5)
    assert part.left == 3
    clock.seconds += 3
    assert part.passed
    assert not deadline.passed
    clock.seconds += 99
    assert deadline.part(0.5).passed
