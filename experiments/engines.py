"""The engines of ``codelm serve`` beside each other: how fast each answers, and whether the answers are the same.

    .venv/bin/python -m experiments.engines RUN REPOSITORY [--places 10] [--tokens 64] [--rounds 3]

In each round a server with each engine in turn, in a process of its own, is asked to write at the same places of the
repository's Rust files, every other one a hole, as an editor asks: a stream, the likeliest tokens. Then it is asked
again with four more characters typed, as a few keys later. Seconds are the client's; medians over all answers, with the
least and the most in brackets. It needs the extra ``serve``.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import IO, Any, NamedTuple

from codelm.errors import CodelmError, InputError
from experiments.bench.machine import library_versions, processor
from experiments.program import installed_version, print_lines, run_program

__all__ = ["Answer", "answers", "lines", "main", "places"]

_ENGINES = ("llama.cpp", "pytorch")
_TYPED_NEXT = "self"
"""What is typed between the two times that a place is asked for."""
_SHORTEST = 2000
"""Characters of a file that has enough code around a place."""

Place = dict[str, str]
"""The fields of a request that say where."""


class Answer(NamedTuple):
    """An answer, and when it came.

    Attributes:
        text: The text.
        tokens: Tokens of it.
        first: Seconds to the first of it.
        rest: Seconds from there to its end.
    """

    text: str
    tokens: int
    first: float
    rest: float


def places(repository: Path, count: int) -> list[Place]:
    """Return places in a repository's Rust files, always the same ones; every other one is a hole.

    Raises:
        InputError: It has no file of Rust that is long enough.
    """
    texts = {file: file.read_text("utf-8", "replace") for file in sorted(repository.rglob("*.rs"))}
    files = [file for file, text in texts.items() if len(text) >= _SHORTEST]
    if not files:
        raise InputError(f"{repository} has no file of Rust of {_SHORTEST} characters: give another repository")
    drawn, found = random.Random(0), []
    for number in range(count):
        file = drawn.choice(files)
        text, at = texts[file], drawn.randrange(len(texts[file]) // 4, len(texts[file]) * 3 // 4)
        place = {"prompt": text[:at], "path": file.relative_to(repository).as_posix()}
        found.append(place | ({"suffix": text[text.find("\n", at) :]} if number % 2 else {}))
    return found


def answers(port: int, asked: Sequence[Place], tokens: int) -> Iterator[Answer]:
    """Yield a server's answer at each place."""
    for place in asked:
        start = time.monotonic()
        chunks = [(time.monotonic(), event) for event in _events(port, place, tokens)]
        texts = [(at, event["choices"][0]["text"]) for at, event in chunks if event["choices"]]
        first, end = texts[0][0], chunks[-1][0]
        count = chunks[-1][1]["usage"]["completion_tokens"]
        yield Answer("".join(text for _, text in texts), count, first - start, end - first)


def _events(port: int, place: Place, tokens: int) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream."""
    body = place | {"max_tokens": tokens, "stream": True, "stream_options": {"include_usage": True}}
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise CodelmError(f"the server answered {response.status}: {response.read(500).decode(errors='replace')}")
        for line in response:
            if line.startswith(b"data: {"):
                yield json.loads(line.removeprefix(b"data: "))
    finally:
        connection.close()


@contextmanager
def _server(run: str, engine: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Give the port and the process of a server that has begun to answer."""
    words = [sys.executable, "-m", "codelm", "serve", run, "--engine", engine, "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield _port(process.stderr, engine), process
        finally:
            process.send_signal(signal.SIGINT)


def _port(said: IO[str], engine: str) -> int:
    """Return the port that a server says it serves at."""
    line = ""
    for line in said:
        if found := re.search(r"http://127\.0\.0\.1:(\d+) serves", line):
            return int(found[1])
    raise CodelmError(f"codelm serve --engine {engine} did not begin: {line.strip()}")


def _peak_memory(process: int) -> float:
    """Return the most memory that a process had, in MB, with the pages of files that it read."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text("utf-8"))
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _measured(run: str, engine: str, asked: Sequence[Place], tokens: int) -> dict[str, list[Any]]:
    """Return figures of one server by their names, and its texts."""
    start = time.monotonic()
    with _server(run, engine) as (port, process):
        found: dict[str, list[Any]] = {"seconds until it serves": [time.monotonic() - start]}
        pairs = []
        for place in asked:
            more = place | {"prompt": place["prompt"] + _TYPED_NEXT}
            pairs.append(tuple(answers(port, [place, more], tokens)))
        found["seconds to the first text"] = [first.first for first, _ in pairs]
        found["the same, four keys later"] = [later.first for _, later in pairs]
        written = [each for pair in pairs for each in pair if each.tokens > 1]
        found["tokens a second from there"] = [(each.tokens - 1) / each.rest for each in written]
        found["peak memory, MB"] = [_peak_memory(process.pid)]
    return found | {"texts": [each.text for pair in pairs for each in pair]}


def lines(run: str, repository: Path, count: int, tokens: int, rounds: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown.

    Args:
        run: The run, as ``codelm serve`` takes it.
        repository: Where the places are.
        count: How many places.
        tokens: Tokens of an answer at most.
        rounds: How often each engine is started.

    Raises:
        CodelmError: A server does not begin, or does not answer.
    """
    asked = places(repository, count)
    found: dict[str, dict[str, list[Any]]] = {engine: {} for engine in _ENGINES}
    for number in range(rounds):
        for engine in _ENGINES if number % 2 == 0 else _ENGINES[::-1]:
            for name, values in _measured(run, engine, asked, tokens).items():
                found[engine].setdefault(name, []).extend(values)
    versions = [*library_versions(), f"xllamacpp {installed_version('xllamacpp')}"]
    yield f"{processor()}, {len(os.sched_getaffinity(0))} cores; {', '.join(versions)}; rounds: {rounds}."
    yield ""
    yield f"| | {' | '.join(_ENGINES)} |"
    yield "| --- | --- | --- |"
    for name in found[_ENGINES[0]]:
        if name != "texts":
            yield f"| {name} | {' | '.join(_figure(found[engine][name]) for engine in _ENGINES)} |"
    pairs = list(zip(*(found[engine]["texts"] for engine in _ENGINES), strict=True))
    yield f"| the same text | {sum(one == other for one, other in pairs)} of {len(pairs)} | |"


def _figure(values: Sequence[float]) -> str:
    """Return the median of values, with the least and the most of several."""
    digits = 0 if median(values) >= 100 else 1 if median(values) >= 10 else 3
    spread = f" ({min(values):,.{digits}f} to {max(values):,.{digits}f})" if len(values) > 1 else ""
    return f"{median(values):,.{digits}f}{spread}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="experiments.engines", description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("repository", type=Path)
    for name, default in (("places", 10), ("tokens", 64), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    table = lines(given.run, given.repository, given.places, given.tokens, given.rounds)
    return run_program("experiments.engines", lambda: print_lines(table))


if __name__ == "__main__":
    sys.exit(main())
