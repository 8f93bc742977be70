import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from codelm.errors import InputError
from tests.serving.conftest import CHUNKS, KEY

TEXT = "".join(CHUNKS)
JSON = {"Content-Type": "application/json"}


def until(condition):
    """Wait until something is so."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_completion_has_openai_s_form(client):
    status, body = client.post("/v1/completions", prompt="a", model="codelm-numbers")
    assert status == 200
    assert body["id"].startswith("cmpl-")
    assert (body["object"], body["model"]) == ("text_completion", "codelm-numbers")
    assert body["choices"] == [{"index": 0, "text": TEXT, "logprobs": None, "finish_reason": "stop"}]
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def test_a_stream_has_the_chunks_and_an_end(client):
    *events, usage, done = client.events("/v1/completions", prompt="a", stream_options={"include_usage": True})
    assert [each["choices"][0]["text"] for each in events] == [*CHUNKS, ""]
    assert [each["choices"][0]["finish_reason"] for each in events] == [None, None, None, "stop"]
    assert (usage["choices"], usage["usage"]["total_tokens"], done) == ([], 10, "[DONE]")
    assert len({each["id"] for each in (*events, usage)}) == 1
    assert [each["usage"] for each in events] == [None] * 4
    assert not any("usage" in each for each in client.events("/v1/completions", prompt="a")[:-1])


def test_filling_in_the_middle_has_mistral_s_form(client):
    status, body = client.post("/v1/fim/completions", prompt="a", suffix="b")
    assert (status, body["choices"][0]["message"]["content"]) == (200, TEXT)
    *events, done = client.events("/v1/fim/completions", prompt="a", suffix="b")
    assert "".join(each["choices"][0]["delta"]["content"] for each in events) == TEXT
    assert done == "[DONE]"


def test_an_infill_has_llama_cpp_s_form(client, engine):
    status, body = client.post("/infill", input_prefix="a\n", input_suffix="\nc", prompt="b", n_predict=9)
    assert status == 200
    assert (body["content"], body["stop"], body["stop_type"], body["tokens_predicted"]) == (TEXT, True, "eos", 3)
    assert body["timings"]["prompt_ms"] == 100
    [request] = engine.requests
    assert (request.place.before, request.place.after, request.max_tokens) == ("a\nb", "\nc", 9)
    *events, last = client.events("/infill", input_prefix="a", input_suffix="c")
    assert [each["content"] for each in events] == [*CHUNKS]
    assert not any(each["stop"] for each in events)
    assert last["stop"]


def test_an_infill_tells_the_fields_that_are_wanted(client):
    wanted = ["content", "timings/prompt_n", "no/such"]
    _, body = client.post("/infill", input_prefix="a", input_suffix="", response_fields=wanted)
    assert body == {"content": TEXT, "timings/prompt_n": 7}


def test_the_model_and_health_are_told(client):
    for path in ("/v1/models", "/models", "/v1/models/"):
        status, _, text = client.send("GET", path)
        assert (status, [each["id"] for each in json.loads(text)["data"]]) == (200, ["codelm-numbers"])
    for name in ("codelm-numbers", "codelm"):
        status, _, text = client.send("GET", f"/v1/models/{name}")
        assert (status, json.loads(text)["id"], json.loads(text)["object"]) == (200, "codelm-numbers", "model")
    status, _, text = client.send("GET", "/v1/models/a%2Fb")
    assert (status, json.loads(text)["error"]["message"]) == (404, "no model 'a/b': here is codelm-numbers or codelm")
    assert client.send("GET", "/health")[::2] == (200, '{"status":"ok"}')


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/v1/completions", b"{", JSON, 400),
        ("POST", "/v1/completions", b"\xff", JSON, 400),
        ("POST", "/v1/completions", b"", JSON, 400),
        ("POST", "/v1/completions", b"[" * 100_000, JSON, 400),
        ("POST", "/v1/completions", b'["a"]', JSON, 400),
        ("POST", "/v1/completions", b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}", JSON, 400),
        ("POST", "/v1/completions", b'{"prompt": 1}', JSON, 400),
        ("POST", "/v1/completions", b'{"\\ud800\\n": 1, "\\ud800\\n": 2}', JSON, 400),
        ("POST", "/v1/completions", b'{"prompt": "a"}', {}, 415),
        ("POST", "/v1/completions", b'{"prompt": "a"}', {"Content-Type": "text/plain"}, 415),
        ("POST", "/v1/completions", b"{}", JSON | {"Content-Length": str(9 * 2**20)}, 413),
        ("POST", "/infill", b'{"input_prefix": "a"}', JSON, 400),
        ("GET", "/v1/completions", None, {}, 405),
        ("DELETE", "/health", None, {}, 405),
        ("POST", "/v1/chat/completions", b"{}", JSON, 404),
        ("GET", "/../../etc/passwd", None, {}, 404),
        ("GET", "/health", None, {"Host": "evil.example"}, 403),
    ],
)
def test_rubbish_is_refused_in_json_and_the_server_goes_on(client, method, path, body, headers, status):
    found, _, text = client.send(method, path, body, headers)
    error = json.loads(text)["error"]
    assert (found, error["code"]) == (status, status)
    assert "\n" not in error["message"]
    assert client.send("GET", "/health")[0] == 200


def test_a_body_in_chunks_is_read_up_to_the_limit(client, monkeypatch):
    assert client.send("POST", "/v1/completions", iter([b'{"prompt"', b': "a"}']), JSON)[0] == 200
    monkeypatch.setattr("codelm.serving.app._MAX_BODY_BYTES", 4)
    assert client.send("POST", "/infill", iter([b'{"prompt"', b': "a"}']), JSON)[0] == 413


@pytest.mark.parametrize(("headers", "status"), [(JSON, 413), ({}, 415)])
@pytest.mark.parametrize("pieces", [1, 64], ids=["length", "chunks"])
def test_a_client_that_sends_far_too_much_sees_why_it_is_refused(client, headers, status, pieces):
    """A connection that is closed with something unread is reset: the client fails to send, or loses the answer."""
    body = b" " * (64 * 2**20 // pieces)
    connection = client.connection()
    connection.request("POST", "/infill", body if pieces == 1 else iter([body] * pieces), headers)
    answer = connection.getresponse()
    assert answer.status == status
    assert json.loads(answer.read())["error"]["code"] == status
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_body_that_does_not_come_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr("codelm.serving.app._BODY_SECONDS", 0.1)
    head = b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    assert client.raw(head).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "data", [b"\x00\xff\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_not_http_is_refused_and_the_server_goes_on(client, data):
    assert client.raw(data).startswith(b"HTTP/1.1 400")
    assert client.send("GET", "/health")[0] == 200


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("give\n less"), 400, "give less"),
        (MemoryError(), 503, "out of memory"),
        (RuntimeError("shapes"), 500, "RuntimeError: shapes"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_s_error_is_an_answer_and_the_server_goes_on(client, engine, error, status, message, stream):
    engine.error = error
    found, body = client.post("/v1/completions", prompt="a", stream=stream)
    assert found == status
    assert message in body["error"]["message"]
    engine.error = None
    assert client.post("/v1/completions", prompt="a")[0] == 200


def test_an_error_in_the_middle_of_a_stream_is_its_last_event(client, engine):
    engine.late_error = RuntimeError("shapes")
    chunk, last = client.events("/v1/completions", prompt="a")
    assert chunk["choices"][0]["text"] == CHUNKS[0]
    assert "RuntimeError: shapes" in last["error"]["message"]


def test_a_fault_of_codelm_s_own_is_an_answer_without_a_traceback(client, monkeypatch, capfd):
    monkeypatch.setattr("codelm.serving.responses.CompletionResponse.body", lambda response, completion: 1 // 0)
    status, body = client.post("/v1/completions", prompt="a")
    assert (status, body["error"]["type"]) == (500, "server_error")
    assert client.send("GET", "/health")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_many_requests_at_once_are_answered_one_after_another(client, engine):
    with ThreadPoolExecutor(50) as pool:
        ask = [pool.submit(client.post, "/v1/completions", prompt=f"{number}") for number in range(50)]
        assert [each.result()[0] for each in ask] == [200] * 50
    assert engine.most_running == 1
    assert {each.place.before for each in engine.requests} == {f"{number}" for number in range(50)}


def test_more_than_may_wait_are_sent_away(start, engine):
    client = start(max_waiting=1)
    engine.may_generate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, "/v1/completions", prompt="1")
        assert engine.has_begun.wait(20)
        second = pool.submit(client.post, "/v1/completions", prompt="2")
        until(lambda: client.queue.waiting == 1)
        status, headers, _ = client.send("POST", "/infill", '{"input_prefix": "", "input_suffix": ""}', JSON)
        assert (status, headers["retry-after"]) == (503, "1")
        engine.may_generate.set()
        assert first.result()[0] == second.result()[0] == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_ends_its_text(client, engine, stream):
    engine.may_generate.clear()
    body = json.dumps({"prompt": "a", "stream": stream})
    connection = client.connection()
    connection.request("POST", "/v1/completions", body, JSON)
    assert engine.has_begun.wait(20)
    connection.close()
    until(lambda: engine.ended == ["cancelled"])
    engine.may_generate.set()
    assert client.post("/v1/completions", prompt="b")[0] == 200


def test_a_client_that_goes_away_while_it_waits_is_not_written_for(client, engine):
    engine.may_generate.clear()
    connections = [client.connection() for _ in range(2)]
    connections[0].request("POST", "/v1/completions", '{"prompt": "first"}', JSON)
    assert engine.has_begun.wait(20)
    connections[1].request("POST", "/v1/completions", '{"prompt": "second"}', JSON)
    until(lambda: client.queue.waiting == 1)
    connections[1].close()
    until(lambda: client.queue.waiting == 0)
    engine.may_generate.set()
    assert connections[0].getresponse().status == 200
    connections[0].close()
    assert client.post("/v1/completions", prompt="third")[0] == 200
    assert [each.place.before for each in engine.requests] == ["first", "third"]


def test_a_key_is_wanted_where_there_is_one(start, engine):
    client = start(key=KEY, only_loopback=False)
    assert client.post("/v1/completions", prompt="a")[0] == 401
    for given in ("Bearer wrong", KEY[:-1], "Bearer ", "Bearer \u00e4"):
        assert client.post("/v1/completions", {"Authorization": given.encode("latin-1")}, prompt="a")[0] == 401
    assert client.post("/v1/completions", {"Authorization": f"Bearer {KEY}"}, prompt="a")[0] == 200
    assert client.send("GET", "/v1/models")[0] == 401
    assert client.send("GET", "/health", headers={"Host": "a.example"})[0] == 200
    assert len(engine.requests) == 1


def test_no_page_of_another_origin_is_allowed_to_ask(client):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    status, found, _ = client.send("OPTIONS", "/v1/completions", headers=headers)
    assert status == 405
    assert not [name for name in found if name.lower().startswith("access-control")]


def test_openai_s_own_client_is_answered(client):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"http://127.0.0.1:{client.port}/v1", api_key="any", max_retries=0) as editor:
        fields = {"model": "codelm-numbers", "prompt": "fn", "suffix": "}"}
        assert editor.completions.create(**fields, extra_body={"path": "a.rs"}).choices[0].text == TEXT
        assert "".join(each.choices[0].text for each in editor.completions.create(**fields, stream=True)) == TEXT
        assert [each.id for each in editor.models.list()] == ["codelm-numbers"]
        assert editor.models.retrieve("codelm").id == "codelm-numbers"
        with pytest.raises(openai.BadRequestError, match="echo"):
            editor.completions.create(**fields, echo=True)
        with pytest.raises(openai.NotFoundError, match="codelm-numbers"):
            editor.completions.create(**fields | {"model": "other"})


def test_a_half_sent_request_holds_nobody_up(client):
    with socket.create_connection(("127.0.0.1", client.port)) as half:
        half.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n")
        assert client.post("/v1/completions", prompt="a")[0] == 200
