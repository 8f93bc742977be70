"""A server that is asked twice as soon as it listens, and then ended; and ways of sending a request to one."""

import http.client
import json
import os
import signal
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codelm.errors import one_line
from experiments.torture.failing_files import FailingFiles

__all__ = ["ANSWERS_FILE", "AskedServer", "announce", "post", "stream"]

ANSWERS_FILE = "answers"
"""The file, in the process's working folder, that holds what went wrong with each answer, as JSON."""
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class AskedServer:
    """Asks the server of the process that it is called in twice, and sends it SIGTERM.

    Attributes:
        files: Lets its files fail.
    """

    files: FailingFiles

    def __call__(self) -> None:
        """Arm this process."""
        from codelm.serving.server import Server

        server: Any = Server
        run = server.run
        Path(ANSWERS_FILE).unlink(missing_ok=True)

        def asked(its: Any, sockets: Any) -> None:
            threading.Thread(target=_ask, args=(sockets[0].getsockname()[1],), daemon=True).start()
            run(its, sockets)

        server.run = asked
        self.files()


def _ask(port: int) -> None:
    answers = [_answer(port), _answer(port)]
    # One call fails: the first may be refused for it, in words, and the second is answered.
    wrong = [text for status, text in answers[:1] if status != 200 and "error" not in text]
    wrong += [f"then {status} {text}" for status, text in answers[1:] if status != 200]
    Path(ANSWERS_FILE).write_text(json.dumps(wrong))
    os.kill(os.getpid(), signal.SIGTERM)


def _answer(port: int) -> tuple[int, str]:
    try:
        return post(port, json.dumps({"prompt": "fn a", "max_tokens": 2}).encode())
    except (OSError, http.client.HTTPException) as error:
        return 0, one_line(error)


def post(port: int, body: bytes, path: str = "/v1/completions", **headers: str) -> tuple[int, str]:
    """Send a body to a server of this machine, as JSON unless the headers say otherwise; return status and text."""
    with _connection(port) as connection:
        connection.request("POST", path, body, _JSON | headers)
        return _read(connection)


def announce(port: int, size: int) -> tuple[int, str]:
    """Announce a body and send only its beginning; return status and text."""
    with _connection(port) as connection:
        connection.putrequest("POST", "/v1/completions")
        for name, value in (*_JSON.items(), ("Content-Length", str(size))):
            connection.putheader(name, value)
        connection.endheaders(b"{")
        return _read(connection)


def stream(port: int, body: bytes) -> tuple[int, str]:
    """Send a body in chunks, whose size nothing announces; return status and text."""
    with _connection(port) as connection:
        parts = (body[start : start + 2**16] for start in range(0, len(body), 2**16))
        connection.request("POST", "/v1/completions", parts, _JSON, encode_chunked=True)
        return _read(connection)


def _connection(port: int) -> "closing[http.client.HTTPConnection]":
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120))


def _read(connection: http.client.HTTPConnection) -> tuple[int, str]:
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
