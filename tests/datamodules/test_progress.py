import logging
from itertools import count

from codelm.clock import clock
from codelm.datamodules import progress


def test_a_first_item_that_takes_long_is_told_like_any_other(monkeypatch, caplog):
    seconds = count(0, 20)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with caplog.at_level(logging.INFO, "codelm"):
        assert list(progress.with_lines("ab", 2, "numbers: commits")) == ["a", "b"]
    assert caplog.messages == [
        "numbers: commits: 0 of 2",
        f"numbers: commits: 1 of 2, 0 a second, {clock(20)} left",
        f"numbers: commits: 2 of 2, 0 a second, {clock(0)} left",
    ]
