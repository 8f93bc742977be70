"""Handlers of Ctrl-C and SIGTERM that raise an exception, so that unfinished files are removed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["STOPPING", "Stopped", "stop_signals"]

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A stopping signal came.

    A type of its own, because Python ends itself by SIGINT, whatever status we return, once a plain KeyboardInterrupt
    has passed through code that was made from text, as many an import does.
    """


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Let the stopping signals raise `Stopped`, and list the numbers of those that came.

    Armed before anything heavy is imported, because Lightning handles Ctrl-C only while it trains, and ends with
    status 0 after a SIGTERM. A signal that the caller of the program had ignored (``nohup``, ``&``) stays ignored.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise Stopped

    may_set_handlers = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in STOPPING} if may_set_handlers else {}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
