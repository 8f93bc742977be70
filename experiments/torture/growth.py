"""The memory that some work takes: in this process, or in those that it starts."""

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil

__all__ = ["with_growth", "with_peak_of_children"]

_Outcome = TypeVar("_Outcome")
_SECONDS = 0.005
"""Time between two looks at the memory."""


def with_growth(work: Callable[[], _Outcome]) -> tuple[_Outcome, float]:
    """Return the outcome of some work, and by how many MB this process's memory was larger meanwhile, at most."""
    memory = psutil.Process().memory_info
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of the GNU C library
        trim(0)  # what earlier work had and freed would hide what this one takes
    before = memory().rss
    outcome, peak = _with_peak(work, lambda: memory().rss, _SECONDS)
    return outcome, (max(peak, memory().rss) - before) / 1e6


def with_peak_of_children(work: Callable[[], _Outcome], seconds: float = 0.1) -> tuple[_Outcome, float]:
    """Return the outcome of some work, and the most memory in MB that the processes it started had at once.

    They are looked at: what ``getrusage`` says of a process begins with the memory of the one that started it.

    Args:
        work: The work.
        seconds: Time between two looks.
    """
    outcome, peak = _with_peak(work, _memory_of_children, seconds)
    return outcome, peak / 1e6


def _with_peak(work: Callable[[], _Outcome], memory: Callable[[], int], seconds: float) -> tuple[_Outcome, int]:
    """Return the outcome of some work, and the most memory in bytes that there was meanwhile.

    Args:
        work: The work.
        memory: Returns how much there is now.
        seconds: Time between two looks.
    """
    peak, is_over = 0, threading.Event()

    def sample() -> None:
        nonlocal peak
        while not is_over.wait(seconds):
            peak = max(peak, memory())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        return work(), peak
    finally:
        is_over.set()
        sampler.join()


def _memory_of_children() -> int:
    """Return the memory in bytes of the processes below this one, without servers of forks.

    One that has not begun its program yet still has the words, and all the memory, of the one that started it.
    """
    found, this = 0, psutil.Process()
    words = {this.pid: this.cmdline()}
    for each in this.children(recursive=True):
        with suppress(psutil.Error):
            words[each.pid] = each.cmdline()
            has_begun = words[each.pid] != words.get(each.ppid())
            found += each.memory_info().rss if has_begun and "forkserver" not in " ".join(words[each.pid]) else 0
    return found
