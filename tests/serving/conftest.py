import http.client
import json
import signal
import socket
import threading
from contextlib import contextmanager

import pytest

from codelm.serving.app import application
from codelm.serving.asked import Defaults
from codelm.serving.engine import Written
from codelm.serving.server import Server
from codelm.serving.turns import Turns

PIECES = ("fn ", "add", "(a: i32)")
KEY = "a key"


class FakeEngine:
    """Writes the same text for each request, once it may, and remembers what was asked for."""

    def __init__(self):
        self.asked = []
        self.ended = []
        self.error = self.late_error = None
        self.may_write = threading.Event()
        self.may_write.set()
        self.has_begun = threading.Event()
        self.running = self.most_running = 0

    def write(self, asked, show, is_stopped):
        self.asked.append(asked)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return self.text(show, is_stopped)
        finally:
            self.running -= 1

    def text(self, show, is_stopped):
        if self.error:
            raise self.error
        self.has_begun.set()
        while not self.may_write.wait(0.01):
            if is_stopped():
                self.ended.append("stopped")
                return Written("", "limit")
        for piece in PIECES:
            show(piece)
            if self.late_error:
                raise self.late_error
        self.ended.append("done")
        return Written("".join(PIECES), "eos", prompt_tokens=7, tokens=3, prompt_seconds=0.1, seconds=0.2)


class Client:
    """Sends requests to a server, each over a connection of its own."""

    def __init__(self, port):
        self.port = port

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def send(self, method, path, body=None, headers=()):
        """Return status, headers and text of an answer."""
        connection = self.connection()
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        found = answer.status, dict(answer.headers), answer.read().decode()
        connection.close()
        return found

    def post(self, path, headers=(), **fields):
        """Return status and JSON of an answer."""
        given = {"Content-Type": "application/json", **dict(headers)}
        status, _, text = self.send("POST", path, json.dumps(fields), given)
        return status, json.loads(text)

    def events(self, path, **fields):
        """Return the events of a stream; the last one may be no JSON."""
        status, headers, text = self.send(
            "POST", path, json.dumps(fields | {"stream": True}), {"Content-Type": "application/json"}
        )
        assert status == 200
        assert headers["content-type"].startswith("text/event-stream")
        assert text.endswith("\n\n")
        found = [each.removeprefix("data: ") for each in text.split("\n\n")[:-1]]
        return [each if each == "[DONE]" else json.loads(each) for each in found]

    def raw(self, data):
        """Return what is answered to bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            found = b""
            while part := connection.recv(65536):
                found += part
        return found


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def start():
    """Return a function that starts a server with an engine, and returns a client of it."""
    with servers() as begin:
        yield begin


@pytest.fixture(scope="module")
def calm_client():
    """A client of a server that a test leaves as it was."""
    with servers() as begin:
        yield begin(FakeEngine())


@contextmanager
def servers():
    """Give a function that starts a server with an engine, and returns a client of it; all end at the end."""
    started = []

    def begin(engine, *, waiting=4, key=None, only_loopback=True):
        turns = Turns(engine, waiting)
        defaults = Defaults("src/lib.rs", ("codelm-numbers", "codelm"))
        app = application(turns, defaults, model="codelm-numbers", key=key, only_loopback=only_loopback)
        listening = socket.create_server(("127.0.0.1", 0))
        server = Server(app, turns)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        started.append((server, thread, listening))
        return Client(listening.getsockname()[1])

    try:
        yield begin
    finally:
        for server, thread, listening in started:
            server.handle_exit(signal.SIGTERM, None)
            thread.join(20)
            listening.close()
            assert not thread.is_alive()


@pytest.fixture
def client(start, engine):
    return start(engine)
