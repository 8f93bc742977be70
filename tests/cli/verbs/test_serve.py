import gc
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from codelm.cli.entry_point import main
from codelm.cli.verbs import serve
from codelm.saved_run import SavedRun
from codelm.serving.engine import Completion
from codelm.serving.request_queue import RequestQueue
from codelm.serving.server import Server

SIGNALS = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)]
)


@pytest.fixture
def runs(tuned_run):
    return tuned_run[0].parent.parent


@pytest.fixture
def port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def post(port, path, **fields):
    """Return status and JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, json.dumps(fields), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def when_there(port, what, number):
    """Do something with a server once it is there, then send its process a signal; return the results."""
    results = []

    def act():
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        try:
            results.append(what())
        finally:
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=act)
    thread.start()
    return results, thread


@SIGNALS
def test_it_serves_until_a_signal_and_again_on_the_same_port(runs, port, capsys, number, status):
    def holes():
        return [
            post(port, "/v1/completions", prompt="fn a", suffix=suffix, max_tokens=8)[1]["choices"][0]["text"]
            for suffix in ("}", ";", "}")
        ]

    for _ in range(2):
        results, thread = when_there(port, holes, number)
        assert main(["serve", "numbers", f"--output={runs}", f"--port={port}", "--engine=pytorch"]) == status
        thread.join()
        [(one, other, same)] = results
        assert one == same != other
        printed = capsys.readouterr()
        assert printed.out == ""
        first, *lines, last = printed.err.splitlines()
        assert f"http://127.0.0.1:{port} serves numbers/version_0 as codelm-numbers" in first
        assert last == "codelm: stopped"
        assert len(lines) == 3
        assert all("tokens behind" in line for line in lines)


def test_llama_cpp_serves_until_ctrl_c_and_again_from_the_file_that_it_kept(
    learned_run, port, capsys, monkeypatch, tmp_path
):
    pytest.importorskip("xllamacpp", reason="xllamacpp, which brings llama.cpp, is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def ask():
        return post(port, "/infill", input_prefix="fn a", input_suffix="}", n_predict=8)

    for is_first in (True, False):
        results, thread = when_there(port, ask, signal.SIGINT)
        assert main(["serve", str(learned_run), f"--port={port}"]) == 130
        thread.join()
        assert results[0][0] == 200
        *lines, engine, address, _, last = capsys.readouterr().err.splitlines()
        assert any(line.startswith("export: writing") for line in lines) == is_first
        assert engine.startswith(f"engine: llama.cpp, with {tmp_path}")
        assert "serves numbers/version_0" in address
        assert last == "codelm: stopped"


@SIGNALS
@pytest.mark.filterwarnings("ignore:.*_SelectorTransport.__del__:pytest.PytestUnraisableExceptionWarning")
def test_a_signal_ends_what_is_being_generated(runs, port, capsys, monkeypatch, number, status):
    has_begun, answers = threading.Event(), []

    def generate(engine, request, emit, is_cancelled):
        has_begun.set() if request.max_tokens > 1 else None  # not the first text, generated before anybody asks
        while request.max_tokens > 1 and not is_cancelled():
            time.sleep(0.01)
        return Completion("", "limit")

    def ask():
        asking = threading.Thread(target=lambda: answers.append(post(port, "/v1/completions", prompt="fn a")))
        asking.start()
        assert has_begun.wait(30)
        return asking

    monkeypatch.setattr("codelm.serving.tuned_engine.TunedEngine.generate", generate)
    results, thread = when_there(port, ask, number)
    assert main(["serve", f"--output={runs}", f"--port={port}", "--engine=pytorch", "--quiet"]) == status
    thread.join()
    results[0].join(30)
    assert not results[0].is_alive()
    [(status, body)] = answers
    assert (status, body["error"]["message"][:21]) == (503, "the server was ended ")
    gc.collect()  # uvicorn leaves a connection to the collector whose answer it has cancelled
    assert capsys.readouterr().err == "codelm: stopped\n"


def test_a_signal_that_the_caller_ignores_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = Server(None, RequestQueue(None, 0))
        with server.capture_signals():
            os.kill(os.getpid(), signal.SIGINT)
        assert not server.should_exit
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_its_help_imports_nothing_that_takes_seconds():
    heavy = {"git", "jsonargparse", "lightning", "numpy", "torch", "transformers", "uvicorn", "starlette"}
    code = "import sys; from codelm.cli import main; main(['serve', '--help'])"
    code += f"; sys.exit(bool({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "--api-key" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no run 'nothing'"),
        (["--host=0.0.0.0"], "give --api-key, or CODELM_API_KEY"),
        (["--host=no such host"], "give --api-key"),
        (["--host=999.1.1.1"], "cannot listen at 999.1.1.1"),
        (["--host=no.such.host.invalid", "--api-key=k"], "cannot listen at no.such.host.invalid"),
        (["--port=70000"], "0 to 65535"),
        (["--port=x"], "invalid int value"),
        (["--max_tokens=0"], "1 or more"),
        (["--waiting=-1"], "0 or more"),
        (["--path=a\nb"], "the path of a file"),
        (["--path="], "--path is empty: give PATH, or leave it out"),
        (["--host="], "--host is empty: give ADDRESS, or leave it out"),
        (["--api-key="], "--api-key is empty: give KEY, or leave it out"),
        (["--name=My-StarCoder2"], "give another"),
        (["--prot=1"], "did you mean --port"),
        (["--engine=vllm"], "choose from"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(runs, capsys, arguments, message, monkeypatch):
    monkeypatch.delenv("CODELM_API_KEY", raising=False)
    assert main(["serve", *arguments, f"--output={runs}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_port_in_use_is_one_line(runs, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", f"--output={runs}", f"--port={port}"]) == 2
    error = capsys.readouterr().err
    assert f"127.0.0.1, port {port}: Address already in use; choose others" in error
    assert error.count("\n") == 1


def test_without_its_libraries_it_says_what_to_install(runs, capsys, monkeypatch):
    monkeypatch.setattr("codelm.cli.verbs.serve.find_spec", lambda name: None)
    assert main(["serve", f"--output={runs}"]) == 2
    assert "pip install 'codelm[serve]'" in capsys.readouterr().err


def test_no_model_is_called_starcoder2(tmp_path):
    (tmp_path / "starcoder2-rust" / "version_0").mkdir(parents=True)
    assert "starcoder2" not in serve._model_name(SavedRun(tmp_path / "starcoder2-rust" / "version_0"))
