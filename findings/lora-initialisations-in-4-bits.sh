#!/usr/bin/env bash
# PEFT with bitsandbytes: initialisations of LoRA (init_lora_weights) that change the base, on a layer in 4 bits.
#
# One would guess: an initialisation that takes something out of the base's weights says that it cannot where these are
# packed in 4 bits, as PiSSA, CorDA and MiCA do; or, where it works, the model with its new adapter computes what it
# computed before, as is so with every initialisation of a base that is not packed.
#
# What happens: "orthogonal" ends in torch's RuntimeError about types that can require gradients, which names neither
# the option nor the 4 bits. "olora" works: it unpacks the weight, takes the adapter's product out, and packs what is left
# anew, with another rounding. The layer's output is off by some 8 % of its length before the first step, where with a
# base in float32 it is what it was.
#
# Seen with peft 0.21.2, bitsandbytes 0.50.2, transformers 5.23.0 and torch 2.13.0 on a CPU, Python 3.11, Linux, 2026-11-29.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/initialisations.py" <<'PYTHON'
import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from peft import LoraConfig, get_peft_model
from torch import nn


class Model(nn.Module):
    def __init__(self, packed):
        super().__init__()
        torch.manual_seed(0)
        weight = torch.randn(256, 256) / 16
        self.linear = (Linear4bit if packed else nn.Linear)(256, 256, bias=False)
        self.linear.weight = Params4bit(weight, requires_grad=False, quant_type="nf4") if packed else nn.Parameter(weight)
        self.linear.to("cpu")  # where the weights are packed

    def forward(self, x):
        return self.linear(x)


def off(one, other):
    return float((one - other).norm() / other.norm())


x = torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
for packed in (False, True):
    for name in ("gaussian", "orthogonal", "olora", "pissa", "mica"):
        model = Model(packed).train()
        with torch.no_grad():
            before = model(x)
        config = LoraConfig(r=16, lora_alpha=16, target_modules=["linear"], init_lora_weights=name)
        try:
            tuned = get_peft_model(model, config)
        except (RuntimeError, TypeError) as error:
            said = "says why" if "float32" in str(error) else f"says: {error}"
            print("4 bits" if packed else "float32", name, type(error).__name__, said)
            continue
        with torch.no_grad(), tuned.disable_adapter():
            base = off(tuned(x), before)
        with torch.no_grad():
            whole = off(tuned(x), before)
        print("4 bits" if packed else "float32", name, f"off by {whole:.3f}, without the adapter by {base:.3f}")
PYTHON
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check \
  torch==2.13.0 transformers==5.23.0 bitsandbytes==0.50.2 peft==0.21.2 2>/dev/null
env -u PYTHONPATH environment/bin/python initialisations.py 2>errors.txt | tee output.txt
grep -qx "float32 olora off by 0.000, without the adapter by 0\.[0-9]*" output.txt
grep -qx "4 bits orthogonal RuntimeError says: Only Tensors of floating point and complex dtype can require gradients" output.txt
grep -qx "4 bits olora off by 0\.0[5-9][0-9]*, without the adapter by 0\.[1-9][0-9]*" output.txt
grep -qx "4 bits pissa TypeError says why" output.txt
grep -qx "4 bits gaussian off by 0.000, without the adapter by 0.000" output.txt
