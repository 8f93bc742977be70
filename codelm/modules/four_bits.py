"""How much of a base its quantisation to 4 bits reaches."""

from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PretrainedConfig

__all__ = ["LayerBytes", "layer_bytes"]


class LayerBytes(NamedTuple):
    """Bytes of a base's layers, embeddings and head aside, when its linear layers are in 4 bits."""

    in_4_bits: int
    in_16_bits: int

    @property
    def share_in_16_bits(self) -> float:
        """The share of the bytes that stays in 16 bits, 0 to 1."""
        return self.in_16_bits / (self.in_4_bits + self.in_16_bits)


def layer_bytes(config: PretrainedConfig) -> LayerBytes:
    """Return the bytes of the layers of the model that ``config`` describes; no weights are allocated.

    Only linear layers are quantised: transformers 5 keeps all experts of a mixture in one tensor of three dimensions.
    """
    auto_model: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = auto_model.from_config(config, trust_remote_code=False)
    head = model.get_output_embeddings()
    layers = [layer for layer in model.modules() if layer is not head and not isinstance(layer, nn.Embedding)]
    linear = sum(layer.weight.numel() for layer in layers if isinstance(layer, nn.Linear))
    weights = sum(parameter.numel() for layer in layers for parameter in layer.parameters(recurse=False))
    return LayerBytes(in_4_bits=linear // 2, in_16_bits=2 * (weights - linear))
