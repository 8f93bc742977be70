import socket

import pytest

HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"


def connected(client, data=b""):
    found = socket.create_connection(("127.0.0.1", client.port), timeout=20)
    found.sendall(data)
    return found


def is_open(connection):
    connection.settimeout(0.1)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize(
    "begun", [b"", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET "]
)
def test_a_connection_without_a_whole_request_is_closed_in_time(client, monkeypatch, begun):
    monkeypatch.setattr("codelm.serving.connections._SILENT_SECONDS", 0.2)
    assert client.raw(begun)[-15:] in (b"", b'{"status":"ok"}')  # it ends, whatever was answered before


def test_a_connection_whose_answer_takes_longer_is_kept(client, engine, monkeypatch):
    monkeypatch.setattr("codelm.serving.connections._SILENT_SECONDS", 0.1)
    engine.may_generate.clear()
    body = b'{"prompt": "a"}'
    with connected(client, HEAD + b"Content-Type: application/json\r\nContent-Length: 15\r\n\r\n" + body) as connection:
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
