#!/usr/bin/env bash
# torch on a CPU: attention in bfloat16, its backward pass, with sequences of many lengths.
#
# One would guess: what a training step takes is given back when the step is over. Memory depends on the longest sequence.
#
# What happens: the backward pass of scaled_dot_product_attention keeps some 4 MB for every length that it has not seen
# before, for the life of the process: 300 lengths take 1.2 GB, and the same 300 lengths once more take nothing. The
# forward pass does not, nor does float32. Those are no tensors (nothing that counts tensors sees them), so that it looks
# like a leak of the training loop. Training that computes each sample of a packed row by itself meets new lengths in
# every step. Sequences that are padded to a few lengths keep it small.
#
# Seen with torch 2.13.0 (CPU) on processors with AVX512 and bfloat16, Python 3.11, Linux, 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy 2>/dev/null
cat >"$folder/lengths.py" <<'PROGRAM'
import resource
import sys

import torch

dtype, lengths = getattr(torch, sys.argv[1]), range(100, 1000, 3)


def attend(length):
    query, key, value = (torch.ones(1, 4, length, 64, dtype=dtype, requires_grad=True) for _ in range(3))
    torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True).sum().backward()


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


attend(1000)  # the longest first
before = peak()
for each in lengths:
    attend(each)
once = peak()
for each in lengths:
    attend(each)
print(once - before, peak() - once)
PROGRAM
for dtype in bfloat16 float32; do
  read -r first second < <(OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/lengths.py" $dtype)
  echo "$dtype: 300 lengths took $first MiB, the same ones again $second MiB"
  ((second < 100))
  case $dtype in
    bfloat16) ((first > 600)) ;;
    float32) ((first < 100)) ;;
  esac
done
