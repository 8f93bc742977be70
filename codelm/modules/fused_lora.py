"""A linear layer with its LoRA adapter as one function of autograd.

PEFT's forward pass converts a layer's input for the base's weights and again for the adapter's, and adds their outputs
in float32. Here inputs and outputs have the type of the products, only the input and its narrow product are kept for
the backward pass, and weights in 4 bits are unpacked once more for it. Weights and files stay PEFT's.

With an input ``x``, dropout ``d`` and a scale ``s`` a layer gives ``W x + b + s B A d(x)``: Hu et al. 2021, arXiv
2106.09685.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from codelm.modules.adapters import plain_lora_layers
from codelm.modules.four_bits import unpacked_weight

__all__ = ["fuse_adapters", "whole_weights"]

_FEWEST_TOKENS = 32
"""With fewer tokens the base's own product may be faster, and PEFT computes the layer."""
_MOST_WHOLE = 2**28
"""Weights that are unpacked at once, at most: 1 GiB in float32."""


def fuse_adapters(model: nn.Module) -> int:
    """Let the linear layers of a PEFT model that have a plain adapter compute as one function; return their number.

    Others, such as those of DoRA, stay as they are.
    """
    layers = plain_lora_layers(model)
    for layer in layers:
        layer.forward = _FusedForward(layer)
    return len(layers)


class _Settings(NamedTuple):
    """What a layer computes with, beside tensors.

    Attributes:
        base: The linear layer.
        dtype: The type of all products.
        scale: The factor of the adapter's output.
        dropout: The share of the adapter's inputs that are set to 0.
        seed: Decides which.
    """

    base: Any
    dtype: torch.dtype
    scale: float
    dropout: float
    seed: int


class _FusedForward:
    """The forward pass of a layer of PEFT."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.whole: tuple[Tensor, Tensor | None] | None = None
        """Weight and bias of the layer with its adapter, in float32, while text is generated on a CPU."""

    def __call__(self, x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        """Return the layer's output for an input ``[..., in]``, in autocast's type where that is on: ``[..., out]``."""
        layer = self.layer
        if self.whole is not None:
            with torch.autocast(x.device.type, enabled=False):
                return linear(x.float(), *self.whole).to(x.dtype)
        is_unusual = arguments or options or layer.disable_adapters or layer.merged or len(layer.active_adapters) != 1
        if is_unusual or x.numel() < _FEWEST_TOKENS * x.shape[-1]:
            as_peft_does: Tensor = type(layer).forward(layer, x, *arguments, **options)
            return as_peft_does
        [name] = layer.active_adapters
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        drop = layer.lora_dropout[name]
        dropout = float(drop.p) if layer.training and isinstance(drop, nn.Dropout) else 0.0
        seed = int(torch.randint(2**62, ())) if dropout else 0
        settings = _Settings(layer.get_base_layer(), dtype, layer.scaling[name], dropout, seed)
        with torch.autocast(device, enabled=False):
            output: Tensor = _LinearWithAdapter.apply(  # type: ignore[no-untyped-call]
                x, layer.lora_A[name].weight, layer.lora_B[name].weight, settings
            )
        return output


@contextmanager
def whole_weights(model: nn.Module) -> Iterator[None]:
    """Within this context, compute fused layers with one float32 weight each, where they are on a CPU and few enough.

    To write one token after another, a layer would unpack its weights for each, and multiply three times.
    """
    forwards: list[Any] = [getattr(layer, "forward", None) for layer in model.modules()]
    found = [forward for forward in forwards if isinstance(forward, _FusedForward)]
    small = sum(each.layer.in_features * each.layer.out_features for each in found) <= _MOST_WHOLE
    layers = [each for each in found if small and each.layer.get_base_layer().weight.device.type == "cpu"]
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            for each in layers:
                each.whole = _whole(each.layer)
        yield
    finally:
        for each in layers:
            each.whole = None


def _whole(layer: Any) -> tuple[Tensor, Tensor | None]:
    """Return a layer's weight, with its adapter's product unless that is disabled, and its bias, in float32."""
    if hasattr(layer, "scale_by_mode"):  # no pass through the layer has called it yet
        layer.scale_by_mode()
    base = layer.get_base_layer()
    weight = unpacked_weight(base, torch.float32)
    for name in [] if layer.disable_adapters or layer.merged else layer.active_adapters:
        narrow, wide = layer.lora_A[name].weight.float(), layer.lora_B[name].weight.float()
        weight = weight.addmm(wide, narrow, alpha=layer.scaling[name])
    return weight, None if base.bias is None else base.bias.float()


class _LinearWithAdapter(torch.autograd.Function):
    """A frozen linear layer with the two matrices of an adapter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, narrow: Tensor, wide: Tensor, settings: _Settings) -> Tensor:
        """Return the output, ``[..., out]``.

        Args:
            ctx: Autograd's context.
            x: The input, ``[..., in]``.
            narrow: The adapter's first matrix ``A``, ``[r, in]``.
            wide: Its second matrix ``B``, ``[out, r]``.
            settings: What else there is.
        """
        base, dtype = settings.base, settings.dtype
        rows = x.reshape(-1, x.shape[-1]).to(dtype)
        hidden = _dropped(rows, settings) @ narrow.to(dtype).T
        bias = None if base.bias is None else base.bias.to(dtype)
        output = linear(rows, unpacked_weight(base, dtype), bias).addmm_(hidden, wide.to(dtype).T, alpha=settings.scale)
        ctx.save_for_backward(rows, hidden, narrow, wide)
        ctx.settings, ctx.shape = settings, x.shape
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input and of the adapter's matrices."""
        rows, hidden, narrow, wide = ctx.saved_tensors
        settings: _Settings = ctx.settings
        of_output = gradients[0].reshape(-1, wide.shape[0])
        of_hidden = (of_output @ wide.to(settings.dtype)).mul_(settings.scale)
        of_wide = (of_output.T @ hidden).mul_(settings.scale)
        of_narrow = of_hidden.T @ _dropped(rows, settings)
        of_rows = None
        if ctx.needs_input_grad[0]:
            of_rows = of_output @ unpacked_weight(settings.base, settings.dtype)
            if settings.dropout:
                of_rows += _dropped(of_hidden @ narrow.to(settings.dtype), settings)
            else:
                of_rows.addmm_(of_hidden, narrow.to(settings.dtype))
            of_rows = of_rows.view(ctx.shape)
        return of_rows, of_narrow, of_wide, None


def _dropped(rows: Tensor, settings: _Settings) -> Tensor:
    """Return rows of which a share is set to 0 and the rest raised by as much, the same share for the same seed."""
    if not settings.dropout:
        return rows
    dropped = round(settings.dropout * 2**16)
    if dropped == 2**16:
        return torch.zeros_like(rows)
    # Sixteen random bits decide on a number: nearly three times as fast on a CPU as `bernoulli_` (torch 2.13).
    generator = torch.Generator(rows.device).manual_seed(settings.seed)
    words = torch.empty(-(-rows.numel() // 2), dtype=torch.int32, device=rows.device)
    bits = words.random_(-(2**31), 2**31, generator=generator).view(torch.int16)[: rows.numel()]
    kept = bits.view(rows.shape) >= dropped - 2**15
    del words, bits  # as large as the rows themselves
    return (rows * kept).div_(1 - dropped / 2**16)
