"""The decoder of a language model, and its hidden states of packed rows."""

from typing import Any

import torch
from torch import Tensor

from codelm.batch import Batch

__all__ = ["decoder_of", "packed_states", "states_one_by_one"]


def decoder_of(model: Any) -> Any:
    """Return the part of a language model that turns token ids into the hidden states its head is applied to.

    In transformers 5.23 ``get_decoder()`` of llama4_text is the model itself, and that of modernbert-decoder its head.
    """
    embeddings = model.get_input_embeddings()
    parts = [part for part in (model.get_decoder(), *model.children()) if part is not None and part is not model]
    return next(part for part in parts if any(module is embeddings for module in part.modules()))


def packed_states(decoder: Any, batch: Batch) -> Tensor:
    """Return the last hidden states of rows of samples, ``[B, T, H]``."""
    # use_cache=False and no attention mask: only then do restarting positions keep samples apart.
    output = decoder(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False)
    states: Tensor = output.last_hidden_state
    return states


def states_one_by_one(decoder: Any, batch: Batch) -> Tensor:
    """Return the same for a decoder in which samples of a row would see each other: each sample is computed alone."""
    rows = []
    for ids, positions in zip(batch["input_ids"], batch["position_ids"], strict=True):
        samples = ids.tensor_split((positions == 0).nonzero().flatten().tolist()[1:])
        states = [decoder(input_ids=sample[None], use_cache=False).last_hidden_state for sample in samples]
        rows.append(torch.cat(states, dim=1))
    return torch.cat(rows)
