"""Weights in 4 bits, as bitsandbytes has them: how much of a base they reach, packing and unpacking."""

from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PretrainedConfig

from codelm.bases.hub import warnings_hidden
from codelm.errors import one_line

__all__ = [
    "LayerBytes",
    "empty_weight",
    "four_bit_failure",
    "is_linear",
    "kernel_warning_hidden",
    "layer_bytes",
    "pack_linear_layers",
    "unpacked_weight",
]

kernel_warning_hidden = partial(warnings_hidden, "bitsandbytes.backends.cpu.ops")
"""Hides the warning that bitsandbytes logs when it is imported without an inference kernel for the CPU.

Training does not use that kernel. Transformers imports bitsandbytes for 4-bit weights, peft whenever it is there.
"""

_BLOCK, _NESTED_BLOCK = 64, 256
"""Weights that share a scale, and scales that share one where those are quantised too: transformers' settings."""
_TRIED = 64
"""Rows and columns of the weight that `four_bit_failure` tries."""


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


def empty_weight(shape: torch.Size, dtype: torch.dtype, *, nested: bool) -> nn.Parameter:
    """Return a weight in 4 bits as loading leaves it, of any values: for tensors that have none (`FakeTensorMode`).

    Args:
        shape: The whole weight's, ``[out, in]``.
        dtype: The type that it is unpacked to.
        nested: Whether its scales are quantised too.
    """
    from bitsandbytes.functional import QuantState

    count, state = shape.numel(), cast("Any", QuantState)
    scales = -(-count // _BLOCK)
    of_scales = state(
        torch.empty(-(-scales // _NESTED_BLOCK)), code=torch.empty(256), blocksize=_NESTED_BLOCK, dtype=torch.float32
    )
    weight = nn.Parameter(torch.empty(-(-count // 2), 1, dtype=torch.uint8), requires_grad=False)
    weight.quant_state = state(  # type: ignore[attr-defined]
        torch.empty(scales, dtype=torch.uint8 if nested else torch.float32),
        shape=shape,
        dtype=dtype,
        blocksize=_BLOCK,
        quant_type="nf4",
        offset=torch.empty(()) if nested else None,
        state2=of_scales if nested else None,
    )
    return weight


def is_linear(layer: nn.Module) -> bool:
    """Return whether a layer is linear, with its weight in 4 bits or not."""
    from bitsandbytes.nn.modules import Linear4bit

    return type(layer) in (nn.Linear, Linear4bit)


def unpacked_weight(layer: Any, dtype: torch.dtype) -> Tensor:
    """Return the weight of a linear layer, ``[out, in]``, out of 4 bits where it is in them."""
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        return torch.as_tensor(layer.weight, dtype=dtype)
    from bitsandbytes.functional import dequantize_blockwise

    scales = dequantize_blockwise(state.absmax, state.state2) + state.offset if state.nested else state.absmax
    unpacked: Tensor = torch.ops.bitsandbytes.dequantize_4bit(
        layer.weight.data, scales.float(), state.blocksize, state.quant_type, state.shape, dtype
    )
    return unpacked


def four_bit_failure(device: str) -> str | None:
    """Return why bitsandbytes cannot pack a weight into 4 bits on a device and multiply it; None where it can."""
    with kernel_warning_hidden():
        try:
            from bitsandbytes.nn import modules

            bnb: Any = modules
            weight = torch.eye(_TRIED)  # 0 and 1 are values that 4 bits hold exactly
            layer = bnb.Linear4bit(_TRIED, _TRIED, bias=False, quant_type="nf4")
            layer.weight = bnb.Params4bit(weight, requires_grad=False, quant_type="nf4")
            product = layer.to(device)(weight.to(device)).cpu()
        except Exception as error:  # of code that is not ours: a library of CUDA is missing, a kernel is not built
            return one_line(error)
    return None if torch.allclose(product, weight, atol=1e-2) else "a product with weights in 4 bits is wrong"


def pack_linear_layers(model: Any, kind: str, *, device: str = "cpu") -> list[Any]:
    """Quantise a model's linear layers to 4 bits, in place, as transformers does when it loads it.

    The head and the layers that the model keeps in float32 stay. FalconMamba and Jamba look at the configuration to
    know that they are quantised (transformers 5.23).

    Args:
        model: The model.
        kind: Bitsandbytes' name for the form of 4 bits: nf4 or fp4.
        device: The device that the weights are quantised on; on ``meta`` the layers change and no weight is there.

    Returns:
        The layers whose weights are in 4 bits.
    """
    with kernel_warning_hidden():
        from bitsandbytes.nn import modules

    bnb: Any = modules
    head = model.get_output_embeddings()
    in_float32 = set(getattr(model, "_keep_in_fp32_modules", None) or ())
    found = []
    for name, layer in list(model.named_modules()):
        if type(layer) is nn.Linear and layer is not head and not in_float32 & set(name.split(".")):
            packed = bnb.Linear4bit(layer.in_features, layer.out_features, layer.bias is not None, quant_type=kind)
            packed.weight = bnb.Params4bit(layer.weight.data, requires_grad=False, quant_type=kind)
            packed.bias = layer.bias
            found.append(packed.to(device))  # where the weights are packed
            model.set_submodule(name, packed)
    model.config._is_quantized = True
    return found
