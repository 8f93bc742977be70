"""A LoRA adapter of a StarCoder2 as a GGUF file, for ``llama.cpp --lora`` and Ollama's ``ADAPTER``."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import safe_open
from torch import Tensor

from codelm.errors import DamagedDataError, InputError
from codelm.export.gguf_model import ARCHITECTURE, metadata, tensor_name, tensor_names

__all__ = ["Matrices", "adapter_matrices", "adapter_scale", "refuse_unlike_lora", "write_gguf_adapter"]

_REFUSED = {
    "use_dora": "lengths of DoRA",
    "rank_pattern": "ranks that differ between layers",
    "alpha_pattern": "scales that differ between layers",
    "modules_to_save": "whole layers",
    "lora_bias": "biases",
    "target_parameters": "adapters of single parameters",
    "trainable_token_indices": "trained tokens",
    "layer_replication": "layers that are used twice",
}
"""Settings of PEFT that a GGUF adapter cannot hold, and what they are."""
_KEY = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")


class Matrices(NamedTuple):
    """The two matrices of a layer: ``[r, in]`` and ``[out, r]``, in float32."""

    a: Tensor
    b: Tensor


def refuse_unlike_lora(config: Mapping[str, Any]) -> None:
    """Raise `InputError` where PEFT's configuration of an adapter says that it is more than two matrices a layer."""
    found = [what for name, what in _REFUSED.items() if config.get(name)]
    found += ["biases"] if config.get("bias", "none") != "none" else []
    if config.get("peft_type") != "LORA" or found:
        what = found[0] if found else f"an adapter of the kind {config.get('peft_type')}"
        raise InputError(f"a GGUF adapter holds no {what}: export --format gguf, in which the adapter is merged")


def adapter_scale(config: Mapping[str, Any]) -> float:
    """Return what the product of the matrices is multiplied by.

    >>> adapter_scale({"r": 16, "lora_alpha": 32}), adapter_scale({"r": 16, "lora_alpha": 32, "use_rslora": True})
    (2.0, 8.0)
    """
    rank = float(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def adapter_matrices(folder: Path) -> dict[str, Matrices]:
    """Return the matrices of a saved adapter by the names of their layers, such as ``model.layers.0.mlp.c_fc``.

    Raises:
        DamagedDataError: The file holds something else.
    """
    path = folder / "adapter_model.safetensors"
    sides: dict[str, dict[str, Tensor]] = {}
    with safe_open(path, "pt") as file:
        for key in sorted(file.keys()):
            if (match := _KEY.fullmatch(key)) is None:
                raise DamagedDataError(f"{path} holds {key}, which is no matrix of LoRA; train the adapter again")
            sides.setdefault(match["layer"], {})[match["side"]] = file.get_tensor(key).float()
    if lacking := [layer for layer, each in sides.items() if len(each) != 2]:
        raise DamagedDataError(f"{path} lacks a matrix of {lacking[0]}; train the adapter again")
    return {layer: Matrices(each["A"], each["B"]) for layer, each in sides.items()}


def write_gguf_adapter(
    file: Path, config: Mapping[str, Any], matrices: Mapping[str, Matrices], layers: int, facts: dict[str, str]
) -> None:
    """Write an adapter, in float32.

    Args:
        file: The new file.
        config: PEFT's configuration of it.
        matrices: Its matrices by the names of their layers.
        layers: Layers of the base.
        facts: What `metadata` takes.

    Raises:
        InputError: It is more than LoRA, or adapts what a StarCoder2 has not.
    """
    from gguf import GGUFWriter

    refuse_unlike_lora(config)
    names = tensor_names(layers)
    writer = GGUFWriter(file, ARCHITECTURE)
    try:
        metadata(writer, facts)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        # llama.cpp divides by the rank, whatever kind of LoRA it was.
        writer.add_float32("adapter.lora.alpha", adapter_scale(config) * config["r"])
        for layer, both in matrices.items():
            name = tensor_name(names, f"{layer}.weight")
            writer.add_tensor(f"{name}.lora_a", both.a.contiguous().numpy())
            writer.add_tensor(f"{name}.lora_b", both.b.contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
