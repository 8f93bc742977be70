"""The processes that the first one of a data parallel run starts, watches and ends.

Lightning 2.6 can start them too. But its handler of SIGTERM waits for all processes from within the handler, for ever
where one of them is in another collective; and where one has failed, it kills all the others without a word. So they
are started here, in the way that Lightning documents for launchers.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.errors import CodelmError
from codelm.stopping_signals import STOPPING

__all__ = ["FIRST_PROCESS", "OtherRanks"]

FIRST_PROCESS = "CODELM_FIRST_PROCESS"
"""Environment variable with the number of the process that has started this one."""

_TICK = 0.5
"""Seconds between two looks at the other processes."""

_SOON = 10.0
"""Seconds in which a process notices by itself that another has failed, where their connection is closed."""

_LIMIT = 30.0
"""Seconds after which a process is ended that does not react, as it waits for another one."""


class OtherRanks:
    """The processes of ranks 1 and up on this machine.

    Args:
        trainer: Knows how many there are, and whether the training of this process ends with an exception.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.failure: str | None = None
        self.explained: BaseException | None = None
        self.over = threading.Event()
        self.stopping = threading.Event()

    @contextmanager
    def started(self, arguments: Sequence[str], address: str, port: int) -> Iterator[None]:
        """Start the processes, and end them with the block: by themselves where it ends well, else at once.

        Args:
            arguments: Their command line.
            address: Where they meet.
            port: Where they meet.

        Raises:
            CodelmError: One of them has failed.
        """
        given = {"MASTER_ADDR": address, "MASTER_PORT": str(port), "LOCAL_RANK": "0"}
        self.trainer.callbacks.insert(0, _Explanation(self))  # type: ignore[attr-defined]
        with _environment(given), self._handling_signals():
            try:
                for rank in range(1, self.trainer.num_devices):
                    self.processes[rank] = _start(rank, arguments)
                threading.Thread(target=self._watch, daemon=True).start()
                yield
                self._join()
            except RuntimeError as error:  # of a collective, perhaps, whose other side is gone
                self.explain(error)
                if self.failure:
                    raise CodelmError(self.failure) from error
                raise
            finally:
                self.over.set()
                self._kill()

    def _join(self) -> None:
        """Wait for the others, which have trained as far as this process and end by themselves."""
        until = time.monotonic() + _LIMIT
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))

    def _kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def explain(self, error: BaseException) -> None:
        """Give an error its cause if another process has failed, of which the system may tell a moment later."""
        if not isinstance(error, RuntimeError) or error is self.explained:
            return
        self.explained, until = error, time.monotonic() + 4 * _TICK
        while self.failure is None and time.monotonic() < until:
            time.sleep(_TICK / 5)
        if self.failure:
            error.__cause__ = CodelmError(self.failure)

    def _watch(self) -> None:
        """Wait until another process has failed, and see that this one ends, too."""
        while not (failed := self._first_failure()):
            if self.over.wait(_TICK):
                return
        rank, status = failed
        if -status not in STOPPING:
            self.failure = (
                f"{_describe(rank, status)}: the run has ended; go on with --ckpt_path last, if it was written"
            )
        self._kill()  # so that no one waits for another that waits for the failed one
        if self._ends_within(_SOON):
            return
        os.kill(os.getpid(), signal.SIGTERM)
        if not self._ends_within(_LIMIT):
            self._give_up(f"error: {self.failure}", 1)

    def _first_failure(self) -> tuple[int, int] | None:
        """Return rank and status of a process that has failed."""
        return next(((rank, status) for rank, each in self.processes.items() if (status := each.poll())), None)

    def _ends_within(self, seconds: float) -> bool:
        """Wait, and return whether the training of this process is over or ends with an exception."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.over.wait(_TICK) or self.trainer.interrupted:
                return True
        return False

    def _give_up(self, line: str, status: int) -> None:
        """End this process from another thread: the main one waits for a process that does not answer."""
        sys.stderr.write(f"codelm: {line}\n")
        sys.stderr.flush()
        self._kill()
        os._exit(status)

    @contextmanager
    def _handling_signals(self) -> Iterator[None]:
        """Let the first signal stop this process, and see that it does; the others pass on theirs, to no effect."""
        handlers = {int(number): old for number in STOPPING if callable(old := signal.getsignal(number))}

        def stop(number: int, frame: FrameType | None) -> Any:
            self.stopping.set()
            for each in handlers:
                signal.signal(each, signal.SIG_IGN)
            if self.failure:
                raise CodelmError(self.failure)
            return handlers[number](number, frame)

        with ExitStack() as cleanup:
            for number in handlers:
                cleanup.callback(signal.signal, number, signal.signal(number, stop))
            signals, write = os.pipe()
            cleanup.callback(os.close, write)
            os.set_blocking(write, False)
            cleanup.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(write))
            os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))  # a loader's process has its own
            threading.Thread(target=self._see_that_it_stops, args=(signals,), daemon=True).start()
            yield

    def _see_that_it_stops(self, signals: int) -> None:
        """End this process if a signal has come and the main thread does not get to handle it.

        Args:
            signals: A file descriptor on which each signal arrives as a byte, whatever the main thread waits for.
        """
        while number := os.read(signals, 1):
            if number[0] in STOPPING and not self.stopping.wait(_LIMIT):
                self._give_up("stopped while another process did not answer", 128 + number[0])
        os.close(signals)


class _Explanation(Callback):
    """Explains an error before other callbacks write down why the run has ended."""

    def __init__(self, ranks: OtherRanks) -> None:
        self.ranks = ranks

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Find out whether another process has failed."""
        self.ranks.explain(exception)


def _start(rank: int, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the process of a rank, which finds modules where this one does and not in the current folder."""
    path = os.pathsep.join(folder or os.curdir for folder in sys.path)
    environment = os.environ | {"LOCAL_RANK": str(rank), FIRST_PROCESS: str(os.getpid()), "PYTHONPATH": path}
    command = [sys.executable, "-P", "-m", "codelm", *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)


def _describe(rank: int, status: int) -> str:
    """Return how a process ended.

    >>> _describe(1, -9), _describe(1, 4)
    ('the process of rank 1 was ended by SIGKILL', 'the process of rank 1 failed with status 4')
    """
    if status < 0:
        return f"the process of rank {rank} was ended by {signal.Signals(-status).name}"
    return f"the process of rank {rank} failed with status {status}"


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
