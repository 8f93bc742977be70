"""Generation of a batch of texts, which leave it once they have ended.

transformers' ``generate`` computes all texts of a batch until the last one has ended, and most are far shorter than the
longest. So it is called for a few tokens at a time, with the cache of the call before and without what has ended.
"""

from collections.abc import Sequence
from copy import copy
from itertools import compress
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache, GenerationConfig, LogitsProcessorList, StoppingCriteriaList
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from codelm.modules.decoding_rules import HeldToTyped, UntilComplete

__all__ = ["generate_batch", "texts_can_leave"]

_TOKENS_AT_A_TIME = 16
"""Tokens from one look at a batch to the next; a call takes as long as one or two of them besides."""
_PLAIN_LAYERS = {DynamicLayer, DynamicSlidingWindowLayer}
"""Layers of a cache that hold nothing but the keys and values of each text."""


def texts_can_leave(model: Any, settings: GenerationConfig) -> bool:
    """Return whether a model keeps what it remembers of each text apart, found out by a token after an end token."""
    if model.device.type == "mps":  # it computes a token more than it returns (transformers 5.23): a rule would see it
        return False
    trial = copy(settings)
    trial.max_new_tokens, trial.return_dict_in_generate = 1, True
    start = torch.tensor([settings.eos_token_id[:1]], device=model.device)
    with torch.random.fork_rng(devices=[]):
        output = model.generate(input_ids=start, attention_mask=torch.ones_like(start), generation_config=trial)
    cache = getattr(output, "past_key_values", None)
    return type(cache) is DynamicCache and {type(layer) for layer in cache.layers} <= _PLAIN_LAYERS


def generate_batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    settings: GenerationConfig,
    held: HeldToTyped | None,
    until: UntilComplete | None,
) -> list[list[int]]:
    """Return the token ids generated after each prompt, with an end token behind a text that has ended.

    Args:
        model: A causal language model of Hugging Face.
        prompts: Token ids, at least one each.
        settings: How tokens are chosen, and which ones end a text.
        held: What the texts must begin with.
        until: When they need no more.
    """
    can_leave = len(prompts) > 1 and texts_can_leave(model, settings)
    ends: list[int] = settings.eos_token_id
    ids, mask = (each.to(model.device) for each in _pad_left(prompts, ends[0]))
    written: list[list[int]] = [[] for _ in prompts]
    texts, left = list(range(len(prompts))), int(settings.max_new_tokens)
    cache: dict[str, Any] = {}
    while texts and left > 0:
        part = copy(settings)
        part.max_new_tokens = min(left, _TOKENS_AT_A_TIME) if can_leave else left
        part.return_dict_in_generate = True
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=part,
            logits_processor=LogitsProcessorList([held] if held else []),
            stopping_criteria=StoppingCriteriaList([until] if until else []),
            **cache,
        )
        new = output.sequences[:, ids.shape[1] :].tolist()
        complete = until.is_done if until else [False] * len(texts)
        for text, tokens, is_complete in zip(texts, new, complete, strict=True):
            written[text] += [*tokens, *ends[:is_complete]]
        going = [not {*ends}.intersection(written[text]) for text in texts]
        texts, left = list(compress(texts, going)), left - len(new[0]) if can_leave else 0
        ids, mask = output.sequences[going], pad(mask, (0, len(new[0])), value=1)[going]
        cache = {"past_key_values": output.get("past_key_values")}
        if can_leave and not all(going):
            cache["past_key_values"].batch_select_indices(torch.tensor(going, device=model.device))
            for rule in (held, until):
                if rule:
                    rule.keep(going)
    return written


def _pad_left(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask, ``[B, T]``, padded on the left: a completion must directly follow its prompt.

    >>> [tensor.tolist() for tensor in _pad_left([[1, 2], [3]], filler=0)]
    [[[1, 2], [0, 3]], [[1, 1], [0, 1]]]
    """
    width = max(len(row) for row in rows)
    ids = torch.tensor([[filler] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask
