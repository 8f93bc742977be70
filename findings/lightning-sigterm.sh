#!/usr/bin/env bash
# Lightning: SIGTERM in a data parallel training.
#
# One would guess: the handler of a signal takes note of it, and the processes agree to stop at the next batch.
#
# What happens: the loop does that, but the handler does more. It calls torch.distributed.broadcast from within, so that
# the signal waits until all processes are in that same call. A process that the signal meets while another one is in a
# different collective (the mean of the gradients, say) waits for ever, and so does the other; SIGTERM is what clusters,
# containers and `timeout` send. Here the call is counted and not made: two real processes would hang. What starts its
# processes itself can put its own handler back after the trainer has set Lightning's.
#
# Seen with lightning 2.6.6, torch 2.13.0, Python 3.11, Linux, 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 lightning==2.6.6 2>/dev/null
cat >"$folder/sigterm.py" <<'PYTHON'
import signal

import torch
import torch.distributed
from lightning.pytorch import Trainer
from torch.testing._internal.distributed.fake_pg import FakeStore

torch.distributed.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
trainer = Trainer(strategy="ddp", accelerator="cpu", devices=2, logger=False, enable_checkpointing=False)
trainer._signal_connector.register_signal_handlers()  # what fit, validate and test do before they begin
calls = []
torch.distributed.broadcast = lambda tensor, src: calls.append(src)
signal.raise_signal(signal.SIGTERM)
print("broadcasts within the handler:", len(calls))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/sigterm.py" 2>/dev/null)
echo "lightning 2.6.6: $seen"
[[ $seen == "broadcasts within the handler: 1" ]]
