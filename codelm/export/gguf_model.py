"""A StarCoder2 as a GGUF file, which llama.cpp, Ollama and their kin run."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from codelm.datamodules.progress import show_progress
from codelm.errors import InputError
from codelm.export.gguf_tokenizer import add_tokenizer

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter, TensorNameMap

__all__ = ["ARCHITECTURE", "GgufType", "metadata", "refuse_gguf", "tensor_name", "tensor_names", "write_gguf"]

GgufType = Literal["f16", "f32", "q8_0"]
"""Types of the matrices; norms and biases are float32."""
ARCHITECTURE = "starcoder2"
_BLOCK = 32
"""Weights that share a scale in q8_0; rows of another length stay float16."""


class _GgufTensor(NamedTuple):
    name: str
    weight: Tensor
    type: "GGMLQuantizationType"


def refuse_gguf(config: PretrainedConfig, base: str, otherwise: str) -> None:
    """Refuse what cannot be written as GGUF.

    Args:
        config: The configuration of the base.
        base: Its name.
        otherwise: What to use in place of it.

    Raises:
        InputError: The package that writes it is missing, or the base is no StarCoder2 as llama.cpp computes it.
    """
    if find_spec("gguf") is None:
        raise InputError("GGUF is written by the package gguf, which is not installed: pip install 'codelm[export]'")
    if config.model_type != ARCHITECTURE:
        raise InputError(
            f"GGUF is written of StarCoder2 alone, and base model {base} is a {config.model_type}: {otherwise}"
        )
    rope = getattr(config, "rope_parameters", None) or {}
    unlike = {
        "hidden_act": config.hidden_act != "gelu_pytorch_tanh",
        "use_bias": not config.use_bias,
        "rope_parameters": rope.get("rope_type", "default") != "default",
    }
    if wrong := [name for name, is_unlike in unlike.items() if is_unlike]:
        raise InputError(
            f"base model {base} has a {wrong[0]} that llama.cpp's StarCoder2 has not, {getattr(config, wrong[0])}:"
            " export --format merged"
        )


def write_gguf(file: Path, model: PreTrainedModel, tokenizer: Any, kind: GgufType, facts: dict[str, str]) -> None:
    """Write a StarCoder2 and its tokenizer; only one tensor at a time is converted.

    Args:
        file: The new file.
        model: The model.
        tokenizer: Its tokenizer.
        kind: The type of its matrices.
        facts: What `metadata` takes.

    Raises:
        InputError: The tokenizer is not a StarCoder2's.
        OSError: The file cannot be written.
    """
    from gguf import GGML_QUANT_VERSION, GGUFWriter, LlamaFileType

    writer = GGUFWriter(file, ARCHITECTURE)
    try:
        metadata(writer, facts)
        _add_shape(writer, model.config)
        types = {"f16": LlamaFileType.MOSTLY_F16, "f32": LlamaFileType.ALL_F32, "q8_0": LlamaFileType.MOSTLY_Q8_0}
        writer.add_file_type(types[kind])
        writer.add_quantization_version(GGML_QUANT_VERSION)
        add_tokenizer(writer, tokenizer, model.config.vocab_size)
        tensors = list(_tensors(model, kind))
        for each in tensors:
            _announce(writer, each)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for each in show_progress(tensors, len(tensors), f"tensors of {file.name}"):
            writer.write_tensor_data(_converted(each))
    finally:
        writer.close()


def metadata(writer: "GGUFWriter", facts: dict[str, str]) -> None:
    """Add the keys by which people know a file: ``name``, and where they are known ``base`` and ``license``."""
    writer.add_name(facts["name"])
    if "license" in facts:
        writer.add_license(facts["license"])
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, facts["base"])


def tensor_names(layers: int) -> "TensorNameMap":
    """Return the names of a StarCoder2's tensors in GGUF, of so many layers."""
    from gguf import MODEL_ARCH, get_tensor_name_map

    return get_tensor_name_map(MODEL_ARCH.STARCODER2, layers)


def tensor_name(names: "TensorNameMap", weight: str) -> str:
    """Return the name in GGUF of a weight or bias by its name in transformers.

    Raises:
        InputError: A StarCoder2 has no such weight.
    """
    found = names.get_name(weight, try_suffixes=(".weight", ".bias"))
    if found is None:
        raise InputError(f"{weight} has no place in a GGUF file of StarCoder2: export --format merged")
    return found


def _add_shape(writer: "GGUFWriter", config: PretrainedConfig) -> None:
    """Add the sizes that make up the architecture."""
    heads = config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_eps(config.norm_epsilon)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.hidden_size // heads)


def _tensors(model: PreTrainedModel, kind: GgufType) -> Iterator[_GgufTensor]:
    """Yield the tensors in the order of the layers; a head that is the embedding comes once."""
    from gguf import GGMLQuantizationType as Type

    names = tensor_names(model.config.num_hidden_layers)
    of_matrices = {"f16": Type.F16, "f32": Type.F32, "q8_0": Type.Q8_0}[kind]
    for name, weight in model.named_parameters():
        type_ = of_matrices if weight.dim() > 1 else Type.F32
        if type_ == Type.Q8_0 and weight.shape[-1] % _BLOCK:
            type_ = Type.F16
        yield _GgufTensor(tensor_name(names, name), weight.detach(), type_)


def _announce(writer: "GGUFWriter", tensor: _GgufTensor) -> None:
    """Add the name, shape and type of a tensor whose values are written later."""
    from gguf import GGMLQuantizationType, quant_shape_to_byte_shape

    shape = tuple(tensor.weight.shape)
    dtype: Any = {GGMLQuantizationType.F16: np.float16, GGMLQuantizationType.F32: np.float32}.get(tensor.type, np.uint8)
    stored = quant_shape_to_byte_shape(shape, tensor.type) if dtype is np.uint8 else shape
    size = int(np.prod(stored)) * np.dtype(dtype).itemsize
    writer.add_tensor_info(tensor.name, stored, np.dtype(dtype), size, raw_dtype=tensor.type)


def _converted(tensor: _GgufTensor) -> NDArray[Any]:
    from gguf import quantize

    converted: NDArray[Any] = quantize(tensor.weight.to(torch.float32).numpy(), tensor.type)
    return converted
