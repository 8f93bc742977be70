import logging
from itertools import count

from codelm.datamodules import progress


def test_a_first_item_that_takes_long_is_logged_like_any_other(monkeypatch, caplog):
    seconds = count(0, 20)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    with caplog.at_level(logging.INFO, "codelm"):
        assert list(progress.show_progress("ab", 2, "numbers: commits")) == ["a", "b"]
    assert caplog.messages == [
        "numbers: commits: 0 of 2",
        "numbers: commits: 1 of 2, 0 a second, 00:20 left",
        "numbers: commits: 2 of 2, 0 a second, 00:00 left",
    ]
