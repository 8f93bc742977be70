"""The models of an export: the adapter merged into the base, and the base alone."""

from typing import Any

import torch
from transformers import PreTrainedModel

from codelm.errors import InputError
from codelm.export.source import Source
from codelm.modules.base_model import load_base
from codelm.modules.merging import merge_adapter, with_saved_adapter

__all__ = ["base_model", "merged_model"]


def base_model(source: Source, dtype: torch.dtype) -> PreTrainedModel:
    """Return the base without an adapter, loaded afresh, with all weights in one type.

    Raises:
        InputError: A weight is beyond what the type holds.
    """
    base = _loaded(source, dtype, "none")
    _refuse_infinite(source, base)
    return base


def merged_model(source: Source, dtype: torch.dtype, *, exact: bool) -> PreTrainedModel:
    """Return the base with the adapter added to its weights.

    Args:
        source: The run.
        dtype: The type of all weights; each layer is merged in float32.
        exact: Take the base's weights through 4 bits first, as they were in training.

    Raises:
        InputError: A weight is beyond what the type holds.
    """
    if exact and source.quantization != "none":
        # A CPU may repack the weights of a base in 4 bits once it runs, and they unpack to noise: this one never has.
        base = _loaded(source, dtype, source.quantization)
        base.dequantize()  # type: ignore[no-untyped-call]
    else:
        base = base_model(source, dtype)
    merged = merge_adapter(with_saved_adapter(base, source.adapter))
    _refuse_infinite(source, merged)
    return merged


def _loaded(source: Source, dtype: torch.dtype, quantization: Any) -> PreTrainedModel:
    return load_base(
        source.base,
        revision=source.revision,
        dtype=dtype,
        quantization=quantization,
        double_quantization=source.model("double_quantization", True),
        attention=source.attention,
    )


def _refuse_infinite(source: Source, model: PreTrainedModel) -> None:
    """Raise `InputError` where a weight is not finite."""
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise InputError(
                f"{name} of base model {source.base_name} does not fit into {str(weight.dtype).partition('.')[2]}:"
                " give --type f32"
            )
