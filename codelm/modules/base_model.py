"""Base models: their configuration and linear layers, loading, and refusal of incomplete or unsuitable ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from codelm.bases import locate
from codelm.bases.hub import one_line_errors, refuse_adapter
from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.modules.decoder import decoder_of
from codelm.modules.four_bits import kernel_warning_hidden

__all__ = [
    "Attention",
    "Quantization",
    "checkpoint_activations",
    "dropout_of",
    "linear_layers",
    "load_base",
    "load_config",
    "max_positions",
    "parameter_count",
    "refuse_small_vocabulary",
    "refuse_unusual_head",
]

Quantization = Literal["nf4", "none"]
"""``nf4``: linear weights in 4 bits, by bitsandbytes; ``none``: weights in the computation's type."""

Attention = Literal["sdpa", "eager"]
"""Attention implementations of transformers that keep packed samples apart; flash attention does so in single rows."""


def load_config(name: str, revision: str | None = None, *, dropout: float | None = None) -> PretrainedConfig:
    """Return the configuration of base ``name``: a bundled name, a folder, or a model hub's name.

    Where ``dropout`` is given, every dropout of it is set to that.

    Raises:
        InputError: There is no such base, or it cannot be downloaded.
    """
    with one_line_errors(name):
        config: PretrainedConfig = AutoConfig.from_pretrained(locate(name), revision=revision, trust_remote_code=False)
    # `model.attention` decides; a kernel that the file names would be downloaded, and its code run.
    config._attn_implementation = None
    if dropout is not None:
        for part, name, _ in _dropouts(config):
            # Layers are not left out as a whole any more.
            setattr(part, name, dropout if "dropout" in name or name.endswith("pdrop") else 0.0)
    return config


def _dropouts(config: PretrainedConfig) -> list[tuple[PretrainedConfig, str, float]]:
    """Return the dropouts of a configuration and of those within it: which configuration, the name, the number."""
    found: list[tuple[PretrainedConfig, str, float]] = []
    for name, value in vars(config).items():
        if isinstance(value, PretrainedConfig):
            found += _dropouts(value)
        elif "drop" in name and isinstance(value, int | float) and not isinstance(value, bool):
            found.append((config, name, float(value)))
    return found


def dropout_of(config: PretrainedConfig) -> float | dict[str, float]:
    """Return the dropout that a configuration asks for; where its dropouts differ, each by its name."""
    # Those of heads that a language model does not have decide nothing.
    numbers = {name: number for _, name, number in _dropouts(config) if not name.startswith(("classifier", "summary"))}
    return numbers if len(set(numbers.values())) > 1 else next(iter(numbers.values()), 0.0)


def max_positions(config: PretrainedConfig) -> int | None:
    """Return the longest sequence in tokens, by a base's configuration; None if it names none, as BLOOM's does."""
    text = config.get_text_config()
    positions: int | None = getattr(text, "max_position_embeddings", None) or getattr(text, "max_seq_len", None)
    return positions


def refuse_small_vocabulary(name: str, config: PretrainedConfig, largest_id: int) -> None:
    """Raise `InputError` where the configuration of base ``name`` has fewer tokens than the data may hold."""
    size: int | None = getattr(config.get_text_config(), "vocab_size", None)
    if size is not None and largest_id >= size:
        raise InputError(
            f"base model {name} knows {size:,} tokens, and the tokenizer of the data has ids up to {largest_id:,}: "
            "give the tokenizer that belongs to the base"
        )


@kernel_warning_hidden()
def load_base(
    name: str,
    *,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    quantization: Quantization = "none",
    double_quantization: bool = True,
    attention: str = "sdpa",
    dropout: float | None = None,
    device: str = "cpu",
) -> PreTrainedModel:
    """Return base ``name`` with exactly the weights of its files, in eval mode.

    Args:
        name: A bundled name, a folder, or a model hub's name.
        revision: Branch, tag or commit on the model hub.
        dtype: Type of the weights that are not quantised, and of products.
        quantization: Type of the linear layers' weights.
        double_quantization: Quantise the scales of 4-bit weights as well.
        attention: Implementation of attention in transformers.
        dropout: Of the base's own layers in training; None for what its configuration says.
        device: Where the model is loaded to.

    Raises:
        InputError: There is no such base, it cannot be downloaded, or it has an adapter.
        DamagedDataError: Weights are missing, unexpected, of another shape, or cannot be read.
        ResourceError: It does not fit into memory.
    """
    loader: Any = AutoModelForCausalLM
    quantized = None if quantization == "none" else _four_bits(quantization, double_quantization, dtype)
    with _plain_errors_of_weights(name):
        refuse_adapter(name, revision)
        model, report = loader.from_pretrained(
            locate(name),
            config=load_config(name, revision, dropout=dropout),
            revision=revision,
            dtype=dtype,
            quantization_config=quantized,
            attn_implementation=attention,
            device_map={"": device},
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they come with the report, and are refused below
            output_loading_info=True,
        )
    _refuse_incomplete(name, report)
    _keep_4bit_weights_trainable(model)
    # Its own would fill in what a caller leaves open: beams, or a penalty of repetition (transformers 5.23).
    model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    base: PreTrainedModel = model
    return base


def linear_layers(config: PretrainedConfig) -> list[str]:
    """Return the names of the layers of a configured model that can have adapters; no weights are allocated.

    They are all linear layers but the head, which the loss applies.
    """
    auto_model: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = auto_model.from_config(config, trust_remote_code=False)
    head = model.get_output_embeddings()
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and layer is not head]


def parameter_count(config: PretrainedConfig) -> int:
    """Return the number of parameters of a configured model, each counted once; no weights are allocated."""
    auto_model: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = auto_model.from_config(config, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())


def checkpoint_activations(model: Any) -> None:
    """Turn on gradient checkpointing: only each block's input is kept for the backward pass; needs train mode."""
    # The name depends on the release of transformers.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def refuse_unusual_head(name: str, model: Any) -> None:
    """Refuse a model whose logits are not just its head's product with the decoder's last hidden states.

    The loss computes that product itself; with logits that are scaled or capped it would be wrong in silence.

    Raises:
        InputError: The head's input is not the last hidden states, or its output is not the logits.
    """
    seen: dict[str, Any] = {}
    head, decoder = model.get_output_embeddings(), decoder_of(model)
    hooks = [
        decoder.register_forward_hook(lambda module, inputs, output: seen.update(hidden=output.last_hidden_state)),
        head.register_forward_hook(lambda module, inputs, output: seen.update(input=inputs[0], output=output)),
    ]
    tokens = torch.arange(8, device=head.weight.device)[None] % head.weight.shape[0]
    with torch.no_grad():
        logits = model(input_ids=tokens, use_cache=False).logits
    for hook in hooks:
        hook.remove()
    if not (_equal(seen.get("hidden"), seen.get("input")) and _equal(seen.get("output"), logits)):
        raise InputError(
            f"base model {name} scales or caps its logits, or has a layer before its head, "
            "which the loss does not know; take another base"
        )


def _equal(left: torch.Tensor | None, right: torch.Tensor | None) -> bool:
    return left is not None and right is not None and torch.equal(left.float(), right.float())


def _four_bits(kind: str, double: bool, dtype: torch.dtype) -> BitsAndBytesConfig:
    """Return transformers' configuration of 4-bit weights, whose products are of type ``dtype``."""
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type=kind,
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=dtype,
    )


def _refuse_incomplete(name: str, report: dict[str, Any]) -> None:
    """Raise `DamagedDataError` if transformers made up missing weights or left some out, by its loading report."""
    wrong = {kind: sorted(map(str, report[f"{kind}_keys"])) for kind in ("missing", "unexpected", "mismatched")}
    found = [f"{len(keys)} {kind} (first {keys[0]})" for kind, keys in wrong.items() if keys]
    if found:
        raise DamagedDataError(f"base model {name} has weights that are {', '.join(found)}: fetch it again")


def _keep_4bit_weights_trainable(base: nn.Module) -> None:
    """Keep bitsandbytes from repacking 4-bit weights for inference.

    On a CPU with bfloat16 instructions it repacks them at the first forward pass in eval mode, for good; the packed
    product passes no gradient back, so that training after a validation fails or trains only in part.
    """
    for layer in base.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            vars(layer)["support_avx512bf16_for_cpu"] = False


@contextmanager
def _plain_errors_of_weights(name: str) -> Iterator[None]:
    """Turn what the libraries raise about base ``name`` and its weights into one-line errors of ours."""
    try:
        with one_line_errors(name):
            yield
    except torch.OutOfMemoryError as error:
        raise ResourceError(f"base model {name} does not fit into GPU memory: try quantization nf4") from error
