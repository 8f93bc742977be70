#!/usr/bin/env bash
# torch: workers of a `DataLoader` whose process is killed.
#
# One would guess: they notice within seconds and end, since each looks every five seconds whether the process that
# started it is still its parent.
#
# What happens: so they do where they are forked (or spawned). Where a fork server starts them, as
# `multiprocessing_context="forkserver"` asks and Python 3.14 has it by default on Linux, the parent that a worker looks
# at is that server. The server ends when the last process is gone that could ask it for another one, and each worker
# can. So worker and server keep one another alive, for ever, with the memory of both; a training that ran out of memory
# leaves them behind, too. A thread in each worker that waits for `multiprocessing.parent_process()`, which is the
# process that asked for it, ends it with that one.
#
# Seen with torch 2.13.0, Python 3.11, Linux, 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'pkill -KILL -f "$folder" || true; rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import multiprocessing
import os
import sys
import threading
import time

from torch.utils.data import DataLoader


def end_with_parent(worker):
    threading.Thread(target=lambda: (multiprocessing.parent_process().join(), os._exit(1)), daemon=True).start()


if __name__ == "__main__":
    start, watched = sys.argv[1:]
    watch = {"worker_init_fn": end_with_parent} if watched == "watched" else {}
    batches = iter(DataLoader(list(range(100)), num_workers=1, multiprocessing_context=start, **watch))
    next(batches)
    print(batches._workers[0].pid, flush=True)
    time.sleep(600)
PYTHON
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy 2>/dev/null
is_there() { [[ -e /proc/$(<worker)/stat && $(cut -d' ' -f3 "/proc/$(<worker)/stat") != Z ]]; }
seen=""
for how in "fork alone" "forkserver alone" "forkserver watched"; do
  # shellcheck disable=SC2086
  venv/bin/python "$folder/program.py" $how >worker 2>/dev/null &
  until [[ -s worker ]]; do kill -0 $! || exit 1; sleep 0.2; done
  kill -KILL $!
  wait $! 2>/dev/null || true
  for _ in $(seq 60); do is_there && sleep 1 || break; done
  seen+="$how: $(is_there && echo "there after a minute" || echo gone); "
  : >worker
done
echo "torch 2.13.0, the worker of a process that was killed: $seen"
[[ $seen == "fork alone: gone; forkserver alone: there after a minute; forkserver watched: gone; " ]]
