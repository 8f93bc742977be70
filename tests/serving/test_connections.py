import socket
import time
from unittest.mock import Mock

import pytest

from codelm.serving.connections import BoundedConnection

HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"


def connected(client, data=b""):
    found = socket.create_connection(("127.0.0.1", client.port), timeout=20)
    found.sendall(data)
    return found


def asking(client, stream="false"):
    """Return a connection that has asked for a text."""
    body = b'{"prompt": "a", "stream": %s}' % stream.encode()
    return connected(client, HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def read_to_the_end(connection):
    """Return how many bytes come until the connection ends, and whether it ends as one that was cut off."""
    connection.settimeout(20)
    count = 0
    try:
        while part := connection.recv(2**20):
            count += len(part)
    except ConnectionError:
        return count, True
    return count, False


def is_open(connection):
    connection.settimeout(0.1)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def sends_on(connection):
    try:
        connection.sendall(b" " * 2**16)
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize(
    "begun", [b"", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET "]
)
def test_a_connection_without_a_whole_request_is_closed_in_time(client, monkeypatch, begun):
    monkeypatch.setattr("codelm.serving.connections._SILENT_SECONDS", 0.2)
    assert client.raw(begun)[-15:] in (b"", b'{"status":"ok"}')  # it ends, whatever was answered before


def test_a_client_that_sends_on_after_its_answer_is_closed_in_time(client, monkeypatch):
    monkeypatch.setattr("codelm.serving.connections._SILENT_SECONDS", 0.2)
    with connected(client, HEAD + b"Content-Length: 99999999999\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 415")
        assert not all(sends_on(connection) for _ in range(10**6))


def test_a_connection_whose_answer_takes_longer_is_kept(client, engine, monkeypatch):
    monkeypatch.setattr("codelm.serving.connections._SILENT_SECONDS", 0.1)
    engine.may_generate.clear()
    with asking(client) as connection:
        assert engine.has_begun.wait(20)
        assert all(is_open(connection) for _ in range(5))
        engine.may_generate.set()
        connection.settimeout(20)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_silent_connections_keep_nobody_out(client, monkeypatch):
    monkeypatch.setattr("codelm.serving.connections._MOST", 5)
    held = [connected(client) for _ in range(20)]
    try:
        assert client.send("GET", "/health")[0] == 200
        kept = list(map(is_open, held))
        assert sum(kept) <= 5
        assert not any(kept[:10])
        assert kept[-1]
    finally:
        for connection in held:
            connection.close()


LARGE = "x" * 20_000_000  # more than the buffers of a connection hold


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_client_that_does_not_read_keeps_no_other_waiting(client, engine, stream):
    engine.chunks = [LARGE]
    with asking(client, stream):
        assert engine.has_begun.wait(20)
        engine.chunks = ["fn"]
        status, body = client.post("/v1/completions", prompt="b")
        assert (status, body["choices"][0]["text"]) == (200, "fn")


def test_a_client_that_does_not_read_is_closed_in_time(client, engine, monkeypatch):
    monkeypatch.setattr("codelm.serving.connections._UNREAD_SECONDS", 0.2)
    engine.chunks = [LARGE]
    with asking(client, "true") as connection:
        assert engine.has_begun.wait(20)
        time.sleep(1)
        count, is_cut = read_to_the_end(connection)
        assert is_cut or count < len(LARGE)


def test_a_client_that_reads_slowly_is_waited_for(monkeypatch):
    later, transport = [], Mock()
    transport.get_write_buffer_size.side_effect = [9, 8, 8, 8]
    connection = Mock(transport=transport)
    connection.loop.call_later = lambda seconds, function, unread: later.append((function, unread))
    connection._abort_or_wait = lambda unread: BoundedConnection._abort_or_wait(connection, unread)
    connection._wait_for_reader = lambda: BoundedConnection._wait_for_reader(connection)
    connection._wait_for_reader()
    for calls in (0, 1):  # a byte has been read, then none
        transport.abort.assert_not_called()
        function, unread = later[calls]
        function(unread)
    transport.abort.assert_called_once()
