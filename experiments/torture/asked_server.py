"""A server that is asked twice as soon as it listens, and then ended."""

import http.client
import json
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codelm.errors import one_line
from experiments.torture.failing_files import FailingFiles

__all__ = ["ANSWERS_FILE", "AskedServer", "post"]

ANSWERS_FILE = "answers"
"""The file, in the process's working folder, that holds what went wrong with each answer, as JSON."""


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
    except OSError as error:
        return 0, one_line(error)


def post(port: int, body: bytes, path: str = "/v1/completions", **headers: str) -> tuple[int, str]:
    """Send a body to a server of this machine, as JSON unless the headers say otherwise; return status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
