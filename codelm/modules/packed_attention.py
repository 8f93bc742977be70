"""Attention of each sample of a row by itself.

No token of a row sees one of another sample. Under a mask the products of all of a row's tokens are computed, and most
of them for nothing: with samples of ``t`` tokens in rows of ``T``, only ``t / 2T`` of them count.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PretrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["BY_SAMPLE", "arguments_by_sample", "longest_seen"]

BY_SAMPLE = "sdpa_by_sample"
"""The name of this attention for transformers; without a row's borders it is transformers' ``sdpa``."""


def arguments_by_sample(borders: Sequence[int], device: torch.device) -> dict[str, Any]:
    """Return the arguments with which a decoder computes the attention of one row by sample.

    Args:
        borders: Where each sample of the row begins, and where the last one ends.
        device: The row's device.
    """
    # A mask of four dimensions is handed on as it is (transformers 5.23): none of T x T is made.
    return {"sample_borders": borders, "attention_mask": torch.empty(0, 0, 0, 0, device=device)}


def longest_seen(config: PretrainedConfig) -> int | None:
    """Return how many tokens back some layer of a model sees at most; None where all see everything."""
    text = config.get_text_config()
    found = (getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size"))
    return min((size for size in found if size), default=None)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    sample_borders: Sequence[int] | None = None,
    **arguments: Any,
) -> tuple[Tensor, None]:
    """Return what attention gives for each token, ``[B, T, heads, D]``.

    Args:
        module: The attention layer.
        query: Queries, ``[B, heads, T, D]``; keys and values have as many tokens, and as many heads or fewer.
        key: Keys.
        value: Values.
        attention_mask: Which tokens each one sees; the empty one of `arguments_by_sample` where there are borders.
        sample_borders: Where each sample of the only row begins, and where the last one ends.
        arguments: What transformers' ``sdpa`` takes.

    Raises:
        ValueError: The model has made a mask of its own, as those do that let a token see some of the others.
    """
    if sample_borders is None:
        whole: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **arguments)
        return whole
    if attention_mask is None or attention_mask.numel():
        raise ValueError("attention by sample knows no mask")
    lengths = [stop - start for start, stop in pairwise(sample_borders)]
    # By split, not by slices: the gradient of each of those would be as long as the row.
    queries, keys, values = (torch.split(states, lengths, dim=2) for states in (query, key, value))
    parts = [
        sdpa_attention_forward(module, *each, attention_mask=None, **arguments)[0]
        for each in zip(queries, keys, values, strict=True)
    ]
    return torch.cat(parts, dim=1), None


AttentionInterface.register(BY_SAMPLE, _attention)
AttentionMaskInterface.register(BY_SAMPLE, sdpa_mask)
