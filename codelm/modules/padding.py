"""Whether an architecture completes a prompt in a batch with longer ones as it does alone."""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, PretrainedConfig

from codelm.modules.small_model import small_model

__all__ = ["completes_in_batches"]

_TOKENS, _PADDING, _FILLER = 7, 5, 8
_TOLERANCE = 1e-4
"""Greatest difference of logits that counts as equal, as a share of the largest one."""

_tried: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def completes_in_batches(model: Any) -> bool:
    """Return whether prompts that are padded on the left have the logits that each has alone, tried on a small model.

    Of transformers 5.23, RWKV reads the padding as text, and BART's and its relatives' positions count it.
    """
    if model not in _tried:
        _tried[model] = _completes_in_batches(model.config)
    return _tried[model]


def _completes_in_batches(config: PretrainedConfig) -> bool:
    try:
        small = small_model("", config, "eager")
        tokens = torch.arange(_FILLER, _FILLER + _TOKENS)[None]
        alone = _next_logits(small, tokens, torch.ones_like(tokens))
        row = torch.cat([torch.full((1, _PADDING), _FILLER), tokens], dim=1)
        padded = _next_logits(small, row, (torch.arange(_PADDING + _TOKENS)[None] >= _PADDING).long())
    except Exception:  # of code of two hundred architectures: one prompt at a time is right for all of them
        return False
    return bool((padded - alone).abs().max() <= _TOLERANCE * alone.abs().max())


def _next_logits(model: Any, tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the logits of two tokens that ``generate`` writes behind ``tokens``, ``[2, V]``."""
    asked = GenerationConfig(max_new_tokens=2, output_logits=True, return_dict_in_generate=True, do_sample=False)  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=[]):
        output = model.generate(input_ids=tokens, attention_mask=mask, generation_config=asked)
    logits: Tensor = torch.cat(output.logits)
    return logits
