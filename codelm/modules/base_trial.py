"""What a base can do, found out on a small model of its architecture before its weights are loaded."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from codelm.bases.hub import warnings_hidden
from codelm.errors import InputError, one_line
from codelm.modules.adapters import LoRA, add_adapter
from codelm.modules.base_model import checkpoint_activations, refuse_unusual_head
from codelm.modules.decoder import decoder_of
from codelm.modules.four_bits import pack_linear_layers
from codelm.modules.mlp_chunks import chunk_mlps
from codelm.modules.packed_attention import BY_SAMPLE, arguments_by_sample

__all__ = ["attends_by_sample", "chunks_mlps", "try_adapters", "try_base", "try_four_bits"]

_FIRST, _SECOND = 7, 9
"""Tokens of the two samples that are packed into a row."""

_TOLERANCE = 1e-4
"""Greatest difference of hidden states that counts as equal, as a share of the largest one.

Of 25 causal families of transformers 5.23 that were measured, 15 keep samples apart: a sample alone and in a packed row
then differs by up to 8e-7, the rounding of float32. In the other 10 it differs by 0.6 or more.
"""

_MOST_RANK = 64
"""The highest rank that adapters are tried with: all are alike, and a mistyped one would take all memory there is."""


def try_base(name: str, model: PreTrainedModel) -> bool:
    """Return whether base ``name`` keeps the samples of a packed row apart, by a `small_model` of it.

    Raises:
        InputError: The base is no causal language model, or its logits are not those that the loss computes.
    """
    try:
        refuse_unusual_head(name, model)
        causal, apart = _is_causal(decoder_of(model)), _keeps_samples_apart(decoder_of(model))
    except InputError:
        raise
    except Exception as error:  # of code of two hundred architectures
        raise InputError(f"base model {name} cannot be tried: {one_line(error)}; take another base") from error
    if not causal:
        raise InputError(f"base model {name} sees the tokens that it has to predict; take a causal language model")
    return apart


def _is_causal(decoder: nn.Module) -> bool:
    """Return whether hidden states depend on no later token."""
    first, second = _samples()
    return _equal(_states(decoder, torch.cat([first, second]))[:, :_FIRST], _states(decoder, first))


def _keeps_samples_apart(decoder: nn.Module) -> bool:
    """Return whether two samples in a row, told apart by their positions alone, have the states that each has alone.

    It is also False where the samples do not see each other even without positions: nothing is shown then.
    """
    first, second = _samples()
    row, positions = _packed_row()
    alone = torch.cat([_states(decoder, first), _states(decoder, second)], dim=1)
    try:
        packed = _states(decoder, row, position_ids=positions)
    except TypeError:  # there is no such argument
        return False
    return _equal(packed, alone) and not _equal(_states(decoder, row), alone)


def attends_by_sample(model: PreTrainedModel) -> bool:
    """Return whether a `small_model` with ``sdpa`` that keeps samples apart does so by `BY_SAMPLE`, too.

    Architectures that have no masks of transformers, or attention of their own, do not. Those that choose some of the
    tokens to see choose none in so short a trial: MiniMax-M3 would forget to under this name (transformers 5.23).
    """
    if any(name.startswith("index_") for name in vars(model.config.get_text_config())):
        return False
    decoder, (row, positions) = decoder_of(model), _packed_row()
    masked = _states(decoder, row, position_ids=positions)
    try:
        with warnings_hidden("transformers.modeling_utils"):  # of those that cannot change it
            model.set_attn_implementation(BY_SAMPLE)
        arguments = arguments_by_sample([0, _FIRST, _FIRST + _SECOND], row.device)
        return _equal(_states(decoder, row, position_ids=positions, **arguments), masked)
    except Exception:  # of code of two hundred architectures: the mask is right for all of them
        return False
    finally:
        with warnings_hidden("transformers.modeling_utils"):
            model.set_attn_implementation("sdpa")


def chunks_mlps(model: PreTrainedModel) -> bool:
    """Return whether a `small_model` has feed-forward parts that give the same states if computed by `chunk_mlps`."""
    split, row = deepcopy(model), torch.cat(_samples())
    try:
        return chunk_mlps(split, chunk_tokens=_FIRST) > 0 and _equal(
            _states(decoder_of(split), row), _states(decoder_of(model), row)
        )
    except Exception:  # of code of two hundred architectures: whole parts are right for all of them
        return False


def _samples() -> tuple[Tensor, Tensor]:
    """Return two samples of different tokens, ``[T]``."""
    tokens = torch.randperm(128, generator=torch.Generator().manual_seed(0)) + 8  # special tokens come first
    return tokens[:_FIRST], tokens[_FIRST : _FIRST + _SECOND]


def _packed_row() -> tuple[Tensor, Tensor]:
    """Return the samples in one row, ``[T]``, and their positions, ``[1, T]``."""
    return torch.cat(_samples()), torch.cat([torch.arange(_FIRST), torch.arange(_SECOND)])[None]


def _states(decoder: nn.Module, tokens: Tensor, **arguments: Any) -> Tensor:
    """Return the last hidden states of ``tokens``, ``[1, T, H]``."""
    with torch.no_grad():
        states: Tensor = decoder(input_ids=tokens[None], use_cache=False, **arguments).last_hidden_state
    return states


def _equal(left: Tensor, right: Tensor) -> bool:
    return bool((left - right).abs().max() <= _TOLERANCE * right.abs().max())


def try_four_bits(name: str, model: PreTrainedModel, kind: str) -> None:
    """Compute a small model of base ``name`` with the weights of its linear layers in 4 bits.

    Mamba multiplies by the weights of such a layer itself, and finds them packed (transformers 5.23).

    Raises:
        InputError: It does not compute so.
    """
    quantized = deepcopy(model)
    with torch.random.fork_rng(devices=[]):  # a run draws the same numbers as without this
        pack_linear_layers(quantized, kind)
    try:
        _states(decoder_of(quantized), _samples()[0])
    except Exception as error:
        raise InputError(
            f"base model {name} does not compute with its linear layers in 4 bits: give --model.quantization none"
        ) from error


def try_adapters(name: str, model: Any, lora: LoRA, *, checkpointing: bool) -> Any:
    """Return a small model of a base with adapters, prepared for training.

    Args:
        name: The base, for messages.
        model: Its small model, changed in place.
        lora: The adapters' settings.
        checkpointing: Whether to prepare it for checkpointing activations.

    Raises:
        InputError: PEFT cannot adapt these layers, the head is one of them, or the base cannot checkpoint activations.
    """
    head = model.get_output_embeddings()
    head_name = next(layer for layer, module in model.named_modules() if module is head)
    try:
        with torch.random.fork_rng(devices=[]):  # a run's own adapters begin with the same numbers as without this one
            narrow = replace(lora, r=min(lora.r, _MOST_RANK))
            adapted = add_adapter(model, narrow, name=name).eval()
            _states(decoder_of(model), _samples()[0])
    except Exception as error:  # a layer that looks linear may do something else
        raise InputError(
            f"base model {name} cannot have these adapters: {one_line(error)}; change model.lora.targets or "
            "model.lora.dropout"
        ) from error
    if model.get_output_embeddings() is not head:  # another layer of its name made it a target
        raise InputError(
            f"model.lora.targets {', '.join(lora.targets)}: one names the head of base model {name}, {head_name}, "
            "whose adapter the loss would leave out; leave that one out"
        )
    try:
        if checkpointing:
            checkpoint_activations(model)
    except ValueError as error:
        raise InputError(
            f"base model {name} cannot checkpoint activations: give --model.gradient_checkpointing false"
        ) from error
    return adapted
