"""Attention of each sample of a row by itself.

No token of a row sees one of another sample. Under a mask the products of all of a row's tokens are computed, and most
of them for nothing: with samples of ``t`` tokens in rows of ``T``, only ``t / 2T`` of them count.

Samples are computed together with those of about their length, padded at their end, where no token of a sample looks.
Few lengths matter beside speed: torch 2.13 keeps kernels for each length of attention in bfloat16 that a CPU has
computed, and a training with samples of all lengths grew by 1.2 GB in 60 steps.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
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
    mask = torch.empty(0, 0, 0, 0, device=device)
    return {"samples": _grouped(borders, device), "attention_mask": mask}


class _Samples(NamedTuple):
    """A row's samples, grouped by their padded lengths.

    Attributes:
        groups: Number and padded length of the samples of each group.
        places: Which token of the row stands where in the groups, one group after the other, ``[P]``; the padding of a
            sample is its last token.
        back: Where each token of the row stands there, ``[T]``.
        padding: Where padding stands there.
    """

    groups: list[tuple[int, int]]
    places: Tensor
    back: Tensor
    padding: Tensor


def _padded(length: int) -> int:
    """Return the length that a sample is padded to: a multiple of 64, or of a quarter of the next power of two.

    >>> [_padded(length) for length in (1, 64, 65, 300, 1025, 4096)]
    [64, 64, 128, 384, 1536, 4096]
    """
    step = max(64, (1 << (length - 1).bit_length()) // 4)
    return -(-length // step) * step


def _grouped(borders: Sequence[int], device: torch.device) -> _Samples:
    """Return the samples of a row between its borders."""
    by_length: dict[int, list[tuple[int, int]]] = {}
    for start, stop in pairwise(borders):
        by_length.setdefault(_padded(stop - start), []).append((start, stop))
    spans = [(start, stop, start + length) for length, each in by_length.items() for start, stop in each]
    places = np.concatenate([np.minimum(np.arange(start, end), stop - 1) for start, stop, end in spans])
    is_padding = np.concatenate([np.arange(start, end) >= stop for start, stop, end in spans])
    (real,), (padding,) = (~is_padding).nonzero(), is_padding.nonzero()
    back = np.empty(borders[-1], np.int64)
    back[places[real]] = real
    groups = [(len(each), length) for length, each in by_length.items()]
    return _Samples(groups, *(torch.tensor(each, device=device) for each in (places, back, padding)))


class _Moved(torch.autograd.Function):
    """Tokens taken to other places; a gradient takes the way back, for adding up by places would be slower."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor, back: Tensor, padding: Tensor | None) -> Tensor:
        """Return ``x[places]``.

        Args:
            ctx: Autograd's context.
            x: The tokens' states, along the first dimension but one of ``[heads, tokens, D]``.
            places: Which token comes where.
            back: Where each token has come to, one of its places.
            padding: Which of ``back`` are of no token, and get no gradient.
        """
        ctx.save_for_backward(back, padding)
        return x.index_select(1, places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the states."""
        back, padding = ctx.saved_tensors
        of_x = gradients[0].index_select(1, back)
        return (of_x if padding is None else of_x.index_fill_(1, padding, 0)), None, None, None


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
    samples: _Samples | None = None,
    **arguments: Any,
) -> tuple[Tensor, None]:
    """Return what attention gives for each token, ``[B, T, heads, D]``.

    Args:
        module: The attention layer.
        query: Queries, ``[B, heads, T, D]``; keys and values have as many tokens, and as many heads or fewer.
        key: Keys.
        value: Values.
        attention_mask: Which tokens each one sees; the empty one of `arguments_by_sample` where there are samples.
        samples: Those of the only row.
        arguments: What transformers' ``sdpa`` takes.

    Raises:
        ValueError: The model has made a mask of its own, as those do that let a token see some of the others.
    """
    if samples is None:
        whole: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **arguments)
        return whole
    if attention_mask is None or attention_mask.numel():
        raise ValueError("attention by sample takes no mask")
    sizes = [count * length for count, length in samples.groups]
    moved: list[Tensor] = [
        _Moved.apply(states[0], samples.places, samples.back, None)  # type: ignore[no-untyped-call]
        for states in (query, key, value)
    ]
    # By split, not by slices: the gradient of each of those would be as long as the row.
    by_group = zip(*(torch.split(states, sizes, dim=1) for states in moved), strict=True)
    parts = []
    for group, states in zip(samples.groups, by_group, strict=True):
        q, k, v = (each.unflatten(1, group).transpose(0, 1) for each in states)
        parts.append(sdpa_attention_forward(module, q, k, v, None, **arguments)[0].flatten(0, 1))
    together = torch.cat(parts).transpose(0, 1)
    output: Tensor = _Moved.apply(together, samples.back, samples.places, samples.padding)  # type: ignore[no-untyped-call]
    return output.transpose(0, 1)[None], None


AttentionInterface.register(BY_SAMPLE, _attention)
AttentionMaskInterface.register(BY_SAMPLE, sdpa_mask)
