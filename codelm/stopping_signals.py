"""Ctrl-C, SIGTERM and SIGUSR1: they raise an exception, at once or once a step is over."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["STOPPING", "HeldStops", "Stopped", "may_set_handlers", "stop_signals"]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""The last is what Slurm sends, by custom, a while before it ends a job.

On it Lightning 2.6 would save from within its handler, which waits for all processes, for ever where one of them is in
another collective, and queue the job again, which would begin a new run.
"""


_MOMENT = 0.05
"""Seconds after which a signal is sent anew that came where nothing can be raised."""


class Stopped(KeyboardInterrupt):
    """A stopping signal came.

    A type of its own, because Python ends itself by SIGINT, whatever status we return, once a plain KeyboardInterrupt
    has passed through code that was made from text, as many an import does.
    """


def may_set_handlers() -> bool:
    """Return whether Python lets this thread set handlers of signals: only the main one, which Ray Train's is not."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Let the stopping signals raise `Stopped`, and list the numbers of those that came.

    Armed before anything heavy is imported, because Lightning handles Ctrl-C only while it trains, and ends with
    status 0 after a SIGTERM. A signal that the caller of the program had ignored (``nohup``, ``&``) stays ignored. One
    that comes while an object is finalised, where Python shows what is raised and goes on, is sent anew.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise Stopped

    before = {number: signal.getsignal(number) for number in STOPPING} if may_set_handlers() else {}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        with _sent_anew(received):
            yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _sent_anew(received: Sequence[int]) -> Iterator[None]:
    """Send the last signal anew where the `Stopped` that it raised was caught by Python and would only be shown.

    From the first signal on, nothing else is shown of what finalisers raise.
    """
    timers: list[threading.Timer] = []
    show = sys.unraisablehook

    def send(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, Stopped):
            timers.append(threading.Timer(_MOMENT, os.kill, (os.getpid(), received[-1])))
            timers[-1].daemon = True
            timers[-1].start()
        elif not received:  # what a stop has left half made complains when it is finalised
            show(unraisable)

    sys.unraisablehook = send
    try:
        yield
    finally:
        sys.unraisablehook = show
        for timer in timers:
            timer.cancel()


class HeldStops:
    """Lets what the first stopping signal raises wait while something is half done; a second one does not wait.

    The handlers are those that are set when it begins, whoever has set them.

    Attributes:
        half_done: Whether something has begun and not come to its end.
    """

    def __init__(self) -> None:
        self.half_done = False
        self._handlers: dict[int, Any] = {}
        self._waits: BaseException | None = None

    def begin(self) -> None:
        """Let a signal wait from now on; again changes nothing."""
        if self._handlers:
            return
        self.half_done, self._waits = True, None
        before = {number: signal.getsignal(number) for number in STOPPING} if may_set_handlers() else {}
        self._handlers = {number: handler for number, handler in before.items() if callable(handler)}
        for number in self._handlers:
            signal.signal(number, self._keep)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handlers[number](number, frame)
        except BaseException as stop:
            if self._waits is not None:
                raise
            self._waits = stop

    def end(self) -> None:
        """Let no signal wait any more, and raise what one has raised: nothing is half done."""
        self.give_up()
        self.half_done = False
        if self._waits is not None:
            raise self._waits

    def give_up(self) -> None:
        """Let no signal wait any more: what is half done will not come to its end."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
