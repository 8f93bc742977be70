import signal
import subprocess
import sys
import threading
import time

import pytest

from codelm.stopping_signals import HeldStops, Stopped, stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_stopping_signal_unwinds_and_is_remembered(number):
    with stop_signals() as received, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert received == [number]


@pytest.mark.filterwarnings("error")
def test_a_signal_that_comes_while_an_object_is_finalised_is_not_lost_and_shows_nothing(capfd, monkeypatch):
    class Signals:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)  # pytest has its own
    with stop_signals() as received:
        Signals().__init__()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        assert received == [signal.SIGTERM] * 2
    assert sys.unraisablehook is sys.__unraisablehook__
    assert capfd.readouterr() == ("", "")


def test_what_other_finalisers_raise_is_shown_until_a_stop(capfd, monkeypatch):
    class Fails:
        def __del__(self):
            raise ValueError("in the finaliser")

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    with stop_signals():
        Fails().__init__()
        assert "ValueError: in the finaliser" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        Fails().__init__()
    assert capfd.readouterr().err == ""


def test_the_handlers_of_before_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stop_signals() as received:
            signal.raise_signal(signal.SIGTERM)
        assert received == []
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_that_may_set_no_handlers_does_without():
    failures = []

    def use():
        try:
            with stop_signals():
                pass
        except ValueError as error:
            failures.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert not failures


def test_the_status_is_ours_even_where_the_signal_hits_code_made_from_text():
    code = """
import signal, sys
from codelm.stopping_signals import Stopped, stop_signals
with stop_signals():
    try:
        exec("import signal; signal.raise_signal(signal.SIGTERM)")
    except Stopped:
        sys.exit(143)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 143


@pytest.fixture
def held():
    with stop_signals() as received:
        held = HeldStops()
        held.begin()
        yield held, received


def test_a_first_signal_waits_until_what_is_half_done_is_over(held):
    held, received = held
    signal.raise_signal(signal.SIGTERM)
    assert received == [signal.SIGTERM]
    assert held.half_done
    with pytest.raises(Stopped):
        held.end()
    assert not held.half_done
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGTERM)


def test_a_second_signal_does_not_wait(held):
    held, received = held
    held.begin()  # as the optimizers that compute a loss several times do
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGINT)
    assert received == [signal.SIGTERM, signal.SIGINT]
    assert held.half_done


def test_nothing_is_raised_where_no_signal_came_and_the_next_time_begins_anew(held):
    held, _ = held
    held.end()
    held.begin()
    signal.raise_signal(signal.SIGTERM)
    held.give_up()
    held.begin()
    held.end()


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        held = HeldStops()
        held.begin()
        signal.raise_signal(signal.SIGUSR1)
        held.end()
    finally:
        assert signal.signal(signal.SIGUSR1, before) is signal.SIG_IGN
