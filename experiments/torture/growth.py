"""The memory that some work takes in this process."""

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

import psutil

__all__ = ["with_growth"]

_Outcome = TypeVar("_Outcome")
_SECONDS = 0.005
"""Time between two looks at the memory."""


def with_growth(work: Callable[[], _Outcome]) -> tuple[_Outcome, float]:
    """Return the outcome of some work, and by how many MB this process's memory was larger meanwhile, at most."""
    memory = psutil.Process().memory_info
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of the GNU C library
        trim(0)  # what earlier work had and freed would hide what this one takes
    before, is_over, peak = memory().rss, threading.Event(), 0

    def sample() -> None:
        nonlocal peak
        while not is_over.wait(_SECONDS):
            peak = max(peak, memory().rss)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        return work(), (max(peak, memory().rss) - before) / 1e6
    finally:
        is_over.set()
        sampler.join()
