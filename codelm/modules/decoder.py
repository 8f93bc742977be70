"""The decoder of a language model, and its hidden states of packed rows."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from codelm.batch import Batch
from codelm.modules.packed_attention import arguments_by_sample, longest_seen

__all__ = ["decoder_of", "packed_states", "states_by_sample", "states_one_by_one", "states_within"]


def decoder_of(model: Any) -> Any:
    """Return the part of a language model that turns token ids into the hidden states its head is applied to.

    In transformers 5.23 ``get_decoder()`` of llama4_text is the model itself, and that of modernbert-decoder its head.
    """
    embeddings = model.get_input_embeddings()
    parts = [part for part in (model.get_decoder(), *model.children()) if part is not None and part is not model]
    return next(part for part in parts if any(module is embeddings for module in part.modules()))


def packed_states(decoder: Any, batch: Batch) -> Tensor:
    """Return the last hidden states of rows of samples, ``[B, T, H]``, whose attention is computed under a mask."""
    # use_cache=False and no attention mask: only then do restarting positions keep samples apart.
    output = decoder(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False)
    states: Tensor = output.last_hidden_state
    return states


def states_by_sample(decoder: Any, batch: Batch) -> Tensor:
    """Return the same for a decoder that computes attention by sample; see `codelm.modules.packed_attention`.

    Samples that are longer than what some layer sees at once take the mask.
    """
    ids, positions = (batch[name].view(1, -1) for name in ("input_ids", "position_ids"))
    borders = [*(positions[0] == 0).nonzero().flatten().tolist(), positions.shape[1]]
    longest = longest_seen(decoder.config)
    if longest is not None and max(stop - start for start, stop in pairwise(borders)) > longest:
        return packed_states(decoder, batch)
    return states_within(decoder, ids, positions, borders).view(*batch["input_ids"].shape, -1)


def states_within(decoder: Any, ids: Tensor, positions: Tensor, borders: Sequence[int]) -> Tensor:
    """Return the last hidden states of one row of samples, ``[1, T, H]``.

    Args:
        decoder: One that computes attention by sample.
        ids: The row's tokens, ``[1, T]``.
        positions: Their positions within their samples, ``[1, T]``.
        borders: Where each sample begins, and where the last one ends.
    """
    arguments = arguments_by_sample(borders, ids.device)
    states: Tensor = decoder(input_ids=ids, position_ids=positions, use_cache=False, **arguments).last_hidden_state
    return states


def states_one_by_one(decoder: Any, batch: Batch) -> Tensor:
    """Return the same for a decoder in which samples of a row would see each other: each sample is computed alone."""
    rows = []
    for ids, positions in zip(batch["input_ids"], batch["position_ids"], strict=True):
        samples = ids.tensor_split((positions == 0).nonzero().flatten().tolist()[1:])
        states = [decoder(input_ids=sample[None], use_cache=False).last_hidden_state for sample in samples]
        rows.append(torch.cat(states, dim=1))
    return torch.cat(rows)
