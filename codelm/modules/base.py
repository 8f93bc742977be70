"""Base models: known by their configuration first, then loaded, and refused where they are not what they seem."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from codelm.bases import locate
from codelm.bases.hub import plain_errors
from codelm.errors import DamagedDataError, InputError, ResourceError

Quantization = Literal["nf4", "none"]
"""``nf4``: linear weights in 4 bits, with bitsandbytes; ``none``: in the type of computation."""

Attention = Literal["sdpa", "eager"]
"""The attention of transformers that keeps packed samples apart; flash attention does so for single rows only."""

PROBE = 8
"""Tokens that try out a model's head."""


@dataclass(frozen=True, slots=True)
class Loading:
    """How a base's weights are held."""

    dtype: torch.dtype = torch.float32
    quantization: Quantization = "none"
    double_quantization: bool = True
    attention: Attention = "sdpa"
    device: str = "cpu"


def load_config(name: str, revision: str | None = None) -> PretrainedConfig:
    """Return the configuration of base ``name``: a bundled name, a folder, or a model hub's name.

    Raises:
        InputError: there is no such base, or no network to fetch it.
    """
    with plain_errors(name):
        config: PretrainedConfig = AutoConfig.from_pretrained(locate(name), revision=revision, trust_remote_code=False)
    return config


def load_base(name: str, loading: Loading, *, revision: str | None = None) -> PreTrainedModel:
    """Return base ``name`` with exactly the weights its folder holds, in eval mode.

    Raises:
        InputError: there is no such base, or no network to fetch it.
        DamagedDataError: weights are missing, left over, of another shape, or cannot be read.
        ResourceError: it does not fit into memory.
    """
    loader: Any = AutoModelForCausalLM
    with _plain_errors_of_weights(name):
        model, report = loader.from_pretrained(
            locate(name),
            revision=revision,
            dtype=loading.dtype,
            quantization_config=_quantization(loading),
            attn_implementation=loading.attention,
            device_map={"": loading.device},
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # reported with the rest, instead of raised
            output_loading_info=True,
        )
    _refuse_incomplete(name, report)
    _keep_4bit_weights_trainable(model)
    base: PreTrainedModel = model
    return base


def linear_layers(model: nn.Module, head: nn.Module) -> list[str]:
    """Name the linear layers that may carry adapters: all but the head, whose product the loss makes itself."""
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and layer is not head]


def declared_linear_layers(config: PretrainedConfig) -> list[str]:
    """Name the linear layers of the model that ``config`` describes, without making its weights."""
    maker: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = maker.from_config(config, trust_remote_code=False)
    return linear_layers(model, model.get_output_embeddings())


def checkpoint_activations(model: Any) -> None:
    """Keep only each block's input for the backward pass; it works in train mode only."""
    # transformers renamed it; releases we accept know one or the other
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def refuse_unusual_head(name: str, model: Any) -> None:
    """Refuse a model whose logits are more than its head's product with the decoder's last hidden states.

    The loss makes that product itself; logits that are scaled or capped afterwards would be learned wrongly, silently.
    """
    seen: dict[str, Any] = {}
    head, decoder = model.get_output_embeddings(), model.get_decoder()
    hooks = [
        decoder.register_forward_hook(lambda module, inputs, output: seen.update(hidden=output.last_hidden_state)),
        head.register_forward_hook(lambda module, inputs, output: seen.update(given=inputs[0], product=output)),
    ]
    tokens = torch.arange(PROBE, device=head.weight.device)[None] % head.weight.shape[0]
    with torch.no_grad():
        logits = model(input_ids=tokens, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    if not (_same(seen.get("hidden"), seen.get("given")) and _same(seen.get("product"), logits)):
        raise InputError(
            f"base model {name} scales or caps its logits, which the loss does not know: take another base"
        )


def _same(left: torch.Tensor | None, right: torch.Tensor | None) -> bool:
    return left is not None and right is not None and torch.equal(left.float(), right.float())


def _quantization(loading: Loading) -> BitsAndBytesConfig | None:
    """Say it in transformers' words."""
    if loading.quantization == "none":
        return None
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type=loading.quantization,
        bnb_4bit_use_double_quant=loading.double_quantization,
        bnb_4bit_compute_dtype=loading.dtype,
    )


def _refuse_incomplete(name: str, report: dict[str, Any]) -> None:
    """Raise if transformers filled gaps with random weights, or left weights out."""
    wrong = {kind: sorted(map(str, report[f"{kind}_keys"])) for kind in ("missing", "unexpected", "mismatched")}
    found = [f"{len(keys)} {kind} (first {keys[0]})" for kind, keys in wrong.items() if keys]
    if found:
        raise DamagedDataError(f"base model {name} has weights that are {', '.join(found)}: fetch it again")


def _keep_4bit_weights_trainable(base: nn.Module) -> None:
    """Keep bitsandbytes from repacking 4-bit weights for inference.

    On a CPU with bfloat16 instructions it does so at the first pass in eval mode, for good; the packed product then
    passes no gradient back, so that training after a validation fails or learns in part.
    """
    for layer in base.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            vars(layer)["support_avx512bf16_for_cpu"] = False


@contextmanager
def _plain_errors_of_weights(name: str) -> Iterator[None]:
    """Turn what the libraries raise about a base and its weights into one line each."""
    try:
        with plain_errors(name):
            yield
    except SafetensorError as error:
        raise DamagedDataError(f"base model {name} cannot be read: {error}; fetch it again") from error
    except torch.OutOfMemoryError as error:
        raise ResourceError(f"base model {name} does not fit into GPU memory: try quantization nf4") from error
