"""Print the memory of training steps of StarCoder2, traced from the shapes of its sizes.

    .venv/bin/python -m experiments.memory [3b|7b|15b]

No weights are needed, and no GPU: see `codelm.modules.step_memory`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import Starcoder2Config

from codelm.modules.memory_plan import MemoryPlan
from codelm.modules.step_memory import trace_step
from experiments.ablation.objects import instantiate
from experiments.ablation.settings import read_settings, set_value
from experiments.program import print_lines, run_program

__all__ = ["PUBLISHED", "lines", "main"]

PUBLISHED: dict[str, Any] = {
    "hidden_size": 3072,
    "intermediate_size": 12288,
    "num_hidden_layers": 30,
    "num_attention_heads": 24,
    "num_key_value_heads": 2,
    "vocab_size": 49152,
    "max_position_embeddings": 16384,
    "sliding_window": 4096,
    "use_bias": True,
    "tie_word_embeddings": True,
    "embedding_dropout": 0.1,
    "residual_dropout": 0.1,
    "attention_dropout": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
"""The settings of bigcode/starcoder2-3b on the model hub."""
_SIZES: dict[str, dict[str, Any]] = {
    "3b": {},
    "7b": {
        **{"hidden_size": 4608, "intermediate_size": 18432, "num_hidden_layers": 32},
        **{"num_attention_heads": 36, "num_key_value_heads": 4},
    },
    "15b": {
        **{"hidden_size": 6144, "intermediate_size": 24576, "num_hidden_layers": 40},
        **{"num_attention_heads": 48, "num_key_value_heads": 4},
    },
}
"""Where the sizes differ from 3b. Their output layer is taken for that of the embedding, as it is in 3b."""
_CONFIGS = Path(__file__).resolve().parents[1] / "configs"
_ROWS = {"rust.yaml": (1, 2, 4, 8, 16), "default.yaml": (1, 2, 4, 8, 16)}
_GIB = 2**30


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of a size, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("size", nargs="?", choices=_SIZES, default="3b")
    size = parser.parse_args(arguments).size
    with TemporaryDirectory() as folder:
        Starcoder2Config(**PUBLISHED | _SIZES[size]).save_pretrained(folder)
        return run_program("experiments.memory", lambda: print_lines(lines(folder)))


def lines(base: str) -> Iterator[str]:
    """Yield the lines of a table in Markdown: the memory of a step, in GiB, for a base with both configurations."""
    heads = (
        "config, rows at a time",
        "weights",
        "adapters",
        "activations",
        "loss",
        "backward",
        "counted",
        "with the margin",
        "kept by the host",
    )
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for name, counts in _ROWS.items():
        settings = read_settings([_CONFIGS / name])
        set_value(settings, "model.base", base)
        model, data = instantiate(settings)
        model.check()
        for model.activation_offloading, rows in product((False, True), counts):
            step = trace_step(model, rows=rows, tokens=data.sequence_length, dtype=torch.bfloat16)
            plan = MemoryPlan(rows, step, 0, "", 0)
            sizes = (*step.parts.values(), step.peak, step.peak + plan.margin, step.host)
            what = f"{name}{', offloading' if model.activation_offloading else ''}, {rows} x {data.sequence_length:,}"
            yield f"| {what} | {' | '.join(f'{size / _GIB:.2f}' for size in sizes)} |"


if __name__ == "__main__":
    sys.exit(main())
