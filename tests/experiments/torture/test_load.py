import socket
import threading

import pytest

from experiments.torture.parts.load import _answer

STREAM, WHOLE = 3, 1
"""Numbers of requests that ask for a stream, and for a whole answer."""


@pytest.fixture
def answer_of():
    """Return a function that gives what is said of an answer whose bytes a server sends before it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def said(number, head, body):
            def serve():
                connection, _ = listening.accept()
                with connection:
                    while not connection.recv(65536).endswith(b"}"):  # to hang up on half a request would reset it
                        pass
                    connection.sendall(f"HTTP/1.1 {head}\r\n\r\n{body}".encode())

            server = threading.Thread(target=serve)
            server.start()
            found = _answer(listening.getsockname()[1], 0, number)
            server.join()
            return found

        yield said


@pytest.mark.parametrize(
    ("number", "head", "body"),
    [
        (WHOLE, "200 OK", '{"choices": [{}]}'),
        (STREAM, "200 OK", "data: [DONE]"),
        (WHOLE, "503 Busy", '{"error": {}}'),
    ],
)
def test_an_answer_and_a_refusal_are_well(answer_of, number, head, body):
    assert answer_of(number, head, body) == ""


@pytest.mark.parametrize(
    ("number", "head", "body", "says"),
    [
        (STREAM, "200 OK\r\nContent-Length: 99", "data: {}", "IncompleteRead"),
        (WHOLE, "200 OK", "{", "JSONDecodeError"),
        (WHOLE, "200 OK", "{}", "KeyError"),
        (STREAM, "200 OK", "data: {}", "no answer"),
        (WHOLE, "500 Failed", "{}", "status 500"),
    ],
)
def test_half_an_answer_is_a_failure_as_any_other(answer_of, number, head, body, says):
    assert says in answer_of(number, head, body)
