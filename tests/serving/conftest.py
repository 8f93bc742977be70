import http.client
import json
import signal
import socket
import threading
from contextlib import contextmanager

import pytest

from codelm.serving.app import application
from codelm.serving.engine import Completion
from codelm.serving.generation_request import Defaults
from codelm.serving.request_queue import RequestQueue
from codelm.serving.server import Server

CHUNKS = ("fn ", "add", "(a: i32)")
KEY = "a key"


class FakeEngine:
    """Generates the same text for each request, once it may, and remembers the requests."""

    def __init__(self):
        self.requests = []
        self.ended = []
        self.chunks = CHUNKS
        self.error = self.late_error = None
        self.may_generate = threading.Event()
        self.may_generate.set()
        self.has_begun = threading.Event()
        self.running = self.most_running = 0

    def generate(self, request, emit, is_cancelled):
        self.requests.append(request)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return self.completion(emit, is_cancelled)
        finally:
            self.running -= 1

    def completion(self, emit, is_cancelled):
        if self.error:
            raise self.error
        chunks = self.chunks  # those of this request, whatever a test gives the next one
        self.has_begun.set()
        while not self.may_generate.wait(0.01):
            if is_cancelled():
                self.ended.append("cancelled")
                return Completion("", "limit")
        for chunk in chunks:
            emit(chunk)
            if self.late_error:
                raise self.late_error
        self.ended.append("done")
        text = "".join(chunks)
        return Completion(text, "eos", prompt_tokens=7, completion_tokens=3, prompt_seconds=0.1, completion_seconds=0.2)


class EngineOfTest:
    """Hands requests to the engine of the test that runs: a server for each would take 0.3 seconds."""

    engine = None

    def generate(self, *arguments):
        return self.engine.generate(*arguments)


class Client:
    """Sends requests to a server, each over a connection of its own.

    Attributes:
        port: The server's port.
        queue: Its queue.
    """

    def __init__(self, port, queue):
        self.port = port
        self.queue = queue

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
def start(engine):
    """Return a function that starts a server of its own settings with the engine, and returns a client of it."""
    with servers() as begin:
        yield lambda **settings: begin(engine, **settings)


@pytest.fixture(scope="module")
def shared_server():
    """An engine that can be replaced, and a client of its server."""
    with servers() as begin:
        engine = EngineOfTest()
        yield engine, begin(engine)


@pytest.fixture
def client(shared_server, engine):
    """A client of a server with the engine; it serves other tests as well."""
    shared, client = shared_server
    shared.engine = engine
    yield client
    engine.may_generate.set()  # a test that has failed holds up no other


@contextmanager
def servers():
    """Give a function that starts a server with an engine, and returns a client of it; all end at the end."""
    started = []

    def begin(engine, *, max_waiting=50, key=None, only_loopback=True):
        queue = RequestQueue(engine, max_waiting)
        defaults = Defaults("src/lib.rs", ("codelm-numbers", "codelm"))
        app = application(queue, defaults, model="codelm-numbers", key=key, only_loopback=only_loopback)
        listening = socket.create_server(("127.0.0.1", 0))
        server = Server(app, queue)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        started.append((server, thread, listening))
        return Client(listening.getsockname()[1], queue)

    try:
        yield begin
    finally:
        for server, _, _ in started:
            server.handle_exit(signal.SIGTERM, None)
        for _, thread, listening in started:
            thread.join(20)
            listening.close()
            assert not thread.is_alive()
