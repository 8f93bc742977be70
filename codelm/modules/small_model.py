"""A base's architecture with few, narrow layers and random weights: what it does can be tried on it in moments."""

import json
import re
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from codelm.errors import InputError, one_line

__all__ = ["shrunken", "small_model"]

_FACTORS = (16, 8, 4, 2, 1)
"""What all widths are divided by: the first with which the model can be built and computes."""

_WIDTHS = re.compile(
    r"hidden_size|intermediate|inner|ffn|dff|d_ff|dim|rank|width|d_model|n_embd|embedding_size|"
    r"head_size|d_head|d_ssm|d_kv|kv_channels|feed_forward_size|query_pre_attn_scalar|multiple_of|"
    r"(num|routed|local)_experts$"
)
"""Names of settings that are widths or large counts somewhere; one factor for all of them keeps their ratios."""

_LEAST_WIDTH = 32
"""Smaller settings than this stay: sizes of kernels have such names too."""

_LAYER_COUNTS = re.compile(r"(num_)?(hidden_|decoder_|encoder_)?layers|n_layers?|num_blocks|num_layers_per_stack")
_LEAST_LAYERS, _OF_EACH_KIND, _MOST_UNLISTED = 2, 2, 8

_PERIODS = re.compile(r"period|interval|every|pattern|offset|replace|(?<!time_)step$|start_index")
"""Names of numbers that say from which layer on, or how often, there is a layer of another kind."""

_LISTS_LAYERS = re.compile(r"layer_id|layers?_ind|layers?_idx|attn_idx|only_layers")
"""Names of lists of the numbers of layers that are of another kind than the rest."""

_VOCABULARY = 256
_VOCABULARY_SIZES = re.compile(r"vocab_size|\w+_vocab$")

_MOST_PARAMETERS = 200_000_000
"""A model with more cannot be tried in moments, nor in little memory: it takes 0.8 GB."""


class _LargeError(ValueError):
    """A model is too large to be tried."""


def small_model(name: str, config: PretrainedConfig, attention: str) -> PreTrainedModel:
    """Return a small model of the architecture that ``config`` describes: float32, on the CPU, in eval mode.

    Its random weights are much larger than those that transformers begins a training with: each layer changes the
    hidden states by about as much as they are, so that whatever one token knows of another shows. The caller's random
    numbers stay as they are.

    Raises:
        InputError: The architecture of base ``name`` does not compute, or not with this implementation of attention.
    """
    model, error = _first_that_computes(config, attention)
    if model is not None:
        return model
    if attention != "eager" and _first_that_computes(config, "eager")[0] is not None:
        raise InputError(f"base model {name} has no {attention} attention: give --model.attention eager") from error
    raise InputError(f"base model {name} cannot be computed: {one_line(error)}; take another base") from error


def _first_that_computes(config: PretrainedConfig, attention: str) -> tuple[PreTrainedModel | None, Exception]:
    """Return the narrowest model that computes, if there is one, and the error of the last one that does not."""
    error = Exception()
    for factor in _FACTORS:
        try:
            with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.no_grad():
                model = _random_model(config, attention, factor)
                model(input_ids=torch.arange(8)[None], use_cache=False)
            return model, error
        except _LargeError as failure:  # so are those with wider layers; why a smaller one fails says more
            return None, error if error.args else failure
        except Exception as failure:  # code of two hundred architectures fails in any way
            error = failure
    return None, error


def _random_model(config: PretrainedConfig, attention: str, factor: int) -> PreTrainedModel:
    """Return a model with all widths divided by ``factor``; raise `_LargeError` where that is still large."""
    settings = type(config).from_dict(shrunken(config.to_dict(), factor))
    torch.manual_seed(0)
    auto_model: Any = AutoModelForCausalLM
    options = {"attn_implementation": attention, "dtype": torch.float32, "trust_remote_code": False}
    with torch.device("meta"):
        parameters = sum(weight.numel() for weight in auto_model.from_config(settings, **options).parameters())
    if parameters > _MOST_PARAMETERS:
        raise _LargeError(f"its smallest form has {parameters:,} parameters, too many to try it")
    model: Any = auto_model.from_config(settings, **options)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.normal_(std=parameter.shape[-1] ** -0.5)
        else:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)  # gates may begin at 0, and then hide what they gate
    evaluated: PreTrainedModel = model.eval()
    return evaluated


def shrunken(settings: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return an architecture's settings with widths divided by ``factor``, a small vocabulary and few layers.

    Of the layers the first two of each kind are kept: in some architectures they share weights.
    """
    count = next((value for name, value in settings.items() if _is_layer_count(name, value)), 0)
    kept = _kept_layers(settings, count)

    def shrink(name: Any, value: Any) -> Any:
        if isinstance(value, dict):
            return _shrunken_part(str(name), value, kept, factor)
        if isinstance(value, list):
            return [shrink(name, each) for each in _of_kept_layers(name, value, kept, count)]
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if _is_layer_count(name, value):
            return len(kept) if value == count else value
        return _small_number(name, value, factor)

    return {name: shrink(name, value) for name, value in settings.items()}


def _shrunken_part(name: str, part: dict[str, Any], kept: list[int], factor: int) -> dict[str, Any]:
    """Return a part of an architecture's settings made small; those of single layers get the layers' new numbers."""
    if name.startswith(("rope", "id2label", "label2id")):
        return part
    if name == "per_layer_config":
        by_number = {int(number): value for number, value in part.items()}
        part = {str(new): by_number[old] for new, old in enumerate(kept) if old in by_number}
    return shrunken(part, factor)


def _of_kept_layers(name: Any, values: list[Any], kept: list[int], count: int) -> list[Any]:
    """Return a list without the layers that are not kept.

    Args:
        name: The setting whose value it is.
        values: The list: an element for each of ``count`` layers, the numbers of some of them, or something else.
        kept: The numbers of the layers that are kept.
        count: The number of all layers.
    """
    if _lists_layers(name, values, count):
        return [new for new, old in enumerate(kept) if old in values]
    return [values[index] for index in kept] if count and len(values) == count else values


def _lists_layers(name: Any, value: Any, count: int) -> bool:
    """Return whether a setting lists the numbers of some of the layers."""
    if not (isinstance(value, list) and 0 < len(value) < count and _LISTS_LAYERS.search(str(name))):
        return False
    return all(type(each) is int and 0 <= each < count for each in value) and sorted({*value}) == value


def _is_layer_count(name: Any, value: Any) -> bool:
    return isinstance(value, int) and bool(_LAYER_COUNTS.fullmatch(str(name)))


def _kept_layers(settings: dict[str, Any], count: int) -> list[int]:
    """Return the first two layers of each kind, by the lists that have an element for each layer, and at least two."""
    kinds = [json.dumps(kind) for kind in zip(*_lists_of_kinds(settings, count), strict=True)] or [""] * count
    numbers = [value for name, value in settings.items() if isinstance(value, int) and _PERIODS.search(str(name))]
    least = min(max([_LEAST_LAYERS, *(number + 1 for number in numbers)]), _MOST_UNLISTED)
    first = [index for index, kind in enumerate(kinds) if kinds[:index].count(kind) < _OF_EACH_KIND]
    others = [index for index in range(count) if index not in first]
    return sorted([*first, *others[: max(0, least - len(first))]])


def _lists_of_kinds(settings: dict[str, Any], count: int) -> list[list[Any]]:
    """Return the lists that say of which kind each layer is; one whose elements all differ lists layers' numbers."""
    lists = [value for value in settings.values() if isinstance(value, list) and len(value) == count]
    numbered = [value for name, value in settings.items() if _lists_layers(name, value, count)]
    return [value for value in lists if len({json.dumps(each) for each in value}) < count or count == 1] + [
        [number in value for number in range(count)] for value in numbered
    ]


def _small_number(name: str, value: int, factor: int) -> int:
    """Return a number of an architecture's settings, small if it is a width, the vocabulary or a token's id."""
    if _VOCABULARY_SIZES.match(name):
        return min(value, _VOCABULARY)
    if name.endswith("token_id"):
        return value if value < _VOCABULARY else 0
    if _WIDTHS.search(name) and value >= _LEAST_WIDTH and value % factor == 0:
        return value // factor
    return value
