"""The server: its address, and its life from the first request to a signal."""

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS

from codelm.errors import InputError
from codelm.serving.access import is_loopback
from codelm.serving.connections import BoundedConnection
from codelm.serving.request_queue import RequestQueue

__all__ = ["Server", "listen", "url_of"]

_SECONDS_TO_END = 5
"""Time for sending what is left once the server is to end; its text ends at the next token."""


def listen(host: str, port: int, key: str | None) -> socket.socket:
    """Return a socket that listens; port 0 stands for one that is free.

    Raises:
        InputError: The address cannot be had, or is reached from other machines and there is no key.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if key is None and not is_loopback(host):
            _refuse_no_address(host)
            raise InputError(f"--host {host} is reached from other machines: give --api-key, or CODELM_API_KEY")
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        why = message.partition(" (while")[0]  # socket.create_server names the address once more
        raise InputError(
            f"cannot listen at {host}, port {port}: {why}; choose others with --host and --port"
        ) from error


def _refuse_no_address(host: str) -> None:
    """Raise `OSError` for numbers that are no address; names are not looked up, since that would ask other machines."""
    if set(host) <= {*"0123456789."}:
        socket.inet_pton(socket.AF_INET, host)


def url_of(listening: socket.socket) -> str:
    """Return the address of a listening socket as a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A server that ends the text of its engine when it is to end.

    Args:
        app: The application.
        queue: The queue before its engine.
    """

    def __init__(self, app: ASGIApp, queue: RequestQueue) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=BoundedConnection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_SECONDS_TO_END,
            )
        )
        self.queue = queue

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGUSR1, too, as uvicorn handles the others: an error raised within the loop may get lost there.

        Signals that the caller ignores stay ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (*HANDLED_SIGNALS, signal.SIGUSR1)}
        with super().capture_signals():
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if handler is signal.SIG_IGN else self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGUSR1, before[signal.SIGUSR1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End all texts and the server; in the main thread a signal is raised again once it has ended."""
        self.queue.close()
        super().handle_exit(sig, frame)
