#!/usr/bin/env bash
# tokenizers: a process that has tokenised in parallel and then forks.
#
# One would guess: every fork after a parallel encode prints a warning that the process was forked, and that threads are
# switched off in the child, until TOKENIZERS_PARALLELISM is set; much code sets the variable for that reason alone.
#
# What happens: up to 0.22.1 that is so. From 0.22.2 on the library's fork handler switches the threads off in the child
# without a word; with the variable unset a forked worker tokenises and standard error stays empty. What sets it only
# against the warning, or registers a fork hook of its own, can go.
#
# Seen with tokenizers 0.22.1 and 0.23.1, Python 3.11, Linux, 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/fork.py" <<'PYTHON'
import os
from tokenizers import Tokenizer, models, pre_tokenizers

tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
texts = ["a b a"] * 1000
parent = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
child = os.fork()
if child == 0:
    same = [encoding.ids for encoding in tokenizer.encode_batch(texts)] == parent
    os._exit(0 if same else 1)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
PYTHON

observe() { # VERSION: what the child returned, and how many lines were written to standard error
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "tokenizers==$1" 2>/dev/null
  (unset TOKENIZERS_PARALLELISM && timeout 60 "$folder/$1/bin/python" "$folder/fork.py" 2>"$folder/$1.err")
  echo "warning lines $(grep -c 'just got forked' "$folder/$1.err" || true)"
}

old=$(observe 0.22.1 | tr '\n' ' ')
new=$(observe 0.23.1 | tr '\n' ' ')
echo "tokenizers 0.22.1: $old"
echo "tokenizers 0.23.1: $new"
[[ $old == "child 0 warning lines 1 " && $new == "child 0 warning lines 0 " ]]
