#!/usr/bin/env bash
# datasets: `Dataset.from_generator` of a generator that reads a repository, a folder or a file.
#
# One would guess: it calls the generator, and the dataset has the rows that it yields now.
#
# What happens: rows are kept in the cache under a hash of the generator's code and of its arguments. Where neither has
# changed, the generator is not called: after new commits the dataset has the rows of before, in a new process as well,
# without a word. Whoever learns a history that moves on learns the old one, and the number of rows, which would show
# it, is the old one, too. An argument that says what was read, such as the id of the newest commit, mends it.
#
# Seen with datasets 5.2.0, Python 3.11, Linux, 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/rows.py" <<'PYTHON'
import subprocess
import sys

import datasets

datasets.disable_progress_bars()


def git(*words):
    return subprocess.run(["git", "-C", "repository", *words], check=True, capture_output=True, text=True).stdout


def subjects(head=None):
    print("called", file=sys.stderr)
    yield from ({"subject": line} for line in git("log", "--format=%s").splitlines())


arguments = {"gen_kwargs": {"head": git("rev-parse", "HEAD")}} if "head" in sys.argv else {}
print(len(datasets.Dataset.from_generator(subjects, **arguments)), len(git("log", "--format=%h").splitlines()))
PYTHON
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check datasets==5.2.0 2>/dev/null
export HF_HOME=$folder/cache HF_HUB_OFFLINE=1 GIT_CONFIG_GLOBAL=/dev/null
git init --quiet repository
commit() { git -C repository -c user.name=A -c user.email=a@example.org commit --quiet --allow-empty --message "$1"; }
rows() { env -u PYTHONPATH venv/bin/python rows.py "$@" 2>>said | tr '\n' ';'; }
commit one
seen=$(rows)
commit two
seen+=$(rows)
seen+=$(rows head)
commit three
seen+=$(rows head)
calls=$(grep -c '^called$' said || true)
echo "datasets 5.2.0, rows and commits: $seen called $calls times in 4 programs"
[[ $seen == "1 1;1 2;2 2;3 3;" && $calls == 3 ]]
