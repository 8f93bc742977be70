"""Load: long histories, with the time and memory of all processes, and a server with many clients."""

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import psutil

from codelm.errors import one_line
from experiments.bench.tasks import ROOT, Task, run
from experiments.torture.asked_server import post
from experiments.torture.fast_import import git_environment, run_git
from experiments.torture.finished_run import finished_run
from experiments.torture.growth import with_peak_of_children
from experiments.torture.rows import Budget, Row, tally
from experiments.torture.runs import processes, run_command

__all__ = ["rows"]

_COMMITS = 1_000_000
_FILES = 200
_MOST_MEGABYTES = 3000
_CLIENTS, _SECONDS = 50, 600
_GROWTH_MEGABYTES = 100
_NO_GUARD = "a measurement, without a guard to take out"


def rows(budget: Budget) -> Iterator[Row]:
    """Yield the rows of synthetic histories, of which the short form has one, of a real one, and of the server."""
    folder = budget.folder("load")
    longest = [] if budget.is_short else [budget.count(_COMMITS, least=2000)]
    for count in [budget.count(_COMMITS // 10, least=500), *longest]:
        repository = _synthetic(folder / f"r{count}", count)
        yield _store_row(folder, repository, f"a synthetic history of {count:,} commits")
    if budget.repository:
        commits = int(run_git(budget.repository, "rev-list", "--count", "HEAD"))
        name = budget.repository.resolve().name
        yield _store_row(folder, budget.repository, f"the whole history of {name}, {commits:,} commits")
    yield _server_row(folder, budget.count(_SECONDS, least=5))


def _synthetic(folder: Path, count: int) -> Path:
    """Make a history in which each commit rewrites a function of one of many files."""
    folder.mkdir()
    run_git(folder, "init", "-q", "--template=", "-b", "main")
    command = ["git", "-C", str(folder), "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=git_environment()) as git:
        assert git.stdin is not None
        for number in range(count):
            git.stdin.write(_commit(number))
        git.stdin.write(b"done\n")
    assert git.returncode == 0
    return folder


def _commit(number: int) -> bytes:
    file = number % _FILES
    functions = [
        f"pub fn f{file}_{each}(x: u64) -> u64 {{\n    x + {number - number % 7 - each}\n}}\n" for each in range(9)
    ]
    functions[number // _FILES % 9] = f"pub fn g{number}(x: u64) -> u64 {{\n    x * {number * 7919}\n}}\n"
    text, message = "\n".join(functions).encode(), f"Change {number}".encode()
    who = b"Author %d <a%d@example.org> %d +0000" % (number % 50, number % 50, 1_500_000_000 + number * 60)
    head = b"commit refs/heads/main\nauthor %s\ncommitter %s\ndata %d\n%s\n" % (who, who, len(message), message)
    return head + b"M 100644 inline src/f%d.rs\ndata %d\n%s\n" % (file, len(text), text)


def _store_row(folder: Path, repository: Path, what: str) -> Row:
    """Build the store of a history in a process of its own, and return the row."""
    options = {"repository": str(repository), "revision": "HEAD", "sequence_length": 1024}
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    outcome, peak = with_peak_of_children(lambda: run(Task("stores.build", ROOT, options), scratch))
    held = peak <= _MOST_MEGABYTES
    remark = (
        f"{outcome['seconds']:,.0f} s, {outcome['tokens']:,} tokens, {outcome['memory']:,.0f} MB in codelm's process,"
        f" {peak:,.0f} MB in all at once; {_NO_GUARD}"
    )
    what = f"the store of {what}: built, in {_MOST_MEGABYTES:,} MB of all processes at most"
    return Row("load", what, 1, int(held), remark, failures=() if held else (remark,))


def _server_row(folder: Path, seconds: int) -> Row:
    """Let many clients ask a server for a while, and return the row."""
    finished = finished_run(folder / "served")
    words = ["serve", str(finished.run), "--port", "0", "--waiting", str(_CLIENTS)]
    server = processes().Process(target=run_command, args=(words, str(folder)))
    server.start()
    try:
        port = _port(folder / "log.txt")
        before = psutil.Process(server.pid).memory_info().rss
        outcomes = _asked(port, seconds)
        grown = (psutil.Process(server.pid).memory_info().rss - before) / 1e6
        server.terminate()
        server.join(30)
        status = server.exitcode
    finally:
        server.kill()
    said = (folder / "log.txt").read_text()
    tried, held, failures = tally(outcomes)
    bad = [f"status {status}"] if status not in (128 + signal.SIGTERM, -signal.SIGTERM) else []
    bad += ["a traceback"] if "Traceback" in said else []
    bad += [f"{grown:.0f} MB more"] if grown > _GROWTH_MEGABYTES else []
    what = (
        f"codelm serve, {_CLIENTS} clients for {seconds} s on loopback: each is answered or told to wait, memory grows"
        f" by {_GROWTH_MEGABYTES} MB at most, SIGTERM ends it"
    )
    remark = f"{tried / seconds:.1f} answers a second, memory {grown:+.0f} MB; {_NO_GUARD}"
    return Row("load", what, tried, held - len(bad), remark, failures=(*failures, *bad))


def _port(log: Path) -> int:
    """Return the port that the server says it listens at."""
    for _ in range(600):
        if log.exists() and (found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())):
            return int(found[1])
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def _asked(port: int, seconds: int) -> list[str]:
    """Let clients ask until the time is over, and return what went wrong with each answer, if anything."""
    outcomes: list[str] = []
    end = time.monotonic() + seconds

    def ask(client: int) -> None:
        number = 0
        while time.monotonic() < end:
            number += 1
            outcomes.append(_answer(port, client, number))

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(_CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return outcomes


def _answer(port: int, client: int, number: int) -> str:
    """Ask once, and return what was wrong with the answer, if anything."""
    fields = {"prompt": f"fn f{client}_{number}(", "max_tokens": 1 + number % 8, "stream": number % 3 == 0}
    try:
        status, text = post(port, json.dumps(fields).encode())
        if status == 200:
            is_whole = "[DONE]" in text if fields["stream"] else json.loads(text)["choices"]
            return "" if is_whole else f"no answer: {text[:100]}"
        is_refused = status in (429, 503) and "error" in json.loads(text)
        return "" if is_refused else f"status {status}: {text[:100]}"
    except (OSError, HTTPException, ValueError, KeyError) as error:  # half an answer, or no JSON
        return one_line(error)
