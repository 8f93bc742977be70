"""What other programs will read: a GGUF file through transformers, a GGUF adapter on the base, and their logits."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PretrainedConfig, PreTrainedModel

from codelm.errors import CodelmError, one_line
from codelm.export.gguf_model import GgufType, tensor_name, tensor_names

__all__ = [
    "add_gguf_adapter",
    "probe_logits",
    "read_folder",
    "read_gguf",
    "refuse_other_logits",
    "refuse_other_tokens",
    "unreadable_refused",
]

_ROWS, _TOKENS = 2, 64
"""Of the random text whose logits are compared."""
_MOST = {"f32": 1e-3, "f16": 1e-3, "q8_0": float("inf")}
"""The largest difference of a logit that rounding explains; 8 bits change them."""
_TEXTS = (
    "fn main() {\n    let x1 = 0xFF_u64;\n}\n",
    "def naïve(self) -> None:\n\treturn f'{self!r} ½ 日本'\n",
    "\r\n  \t#\n",
)


def read_folder(folder: Path, attention: str) -> PreTrainedModel:
    """Return the model that a folder in transformers' format holds, in float32, in eval mode."""
    loader: Any = AutoModelForCausalLM
    model = loader.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=attention, use_safetensors=True, trust_remote_code=False
    )
    return _evaluated(model)


def read_gguf(file: Path, config: PretrainedConfig, attention: str) -> PreTrainedModel:
    """Return the model that a GGUF file holds, in float32, in eval mode.

    Args:
        file: The file.
        config: The model's configuration: of a StarCoder2's keys transformers 5.23 leaves out the base of the rotation.
        attention: Implementation of attention.

    Raises:
        CodelmError: It lacks weights.
    """
    loader: Any = AutoModelForCausalLM
    with _bar_hidden():
        model, report = loader.from_pretrained(
            file.parent,
            gguf_file=file.name,
            config=config,
            dtype=torch.float32,
            attn_implementation=attention,
            output_loading_info=True,
        )
    wrong = [str(key) for kind in ("missing", "unexpected", "mismatched") for key in report[f"{kind}_keys"]]
    if wrong:
        raise CodelmError(f"{file.name} was not exported: read back, {wrong[0]} is not as it was written")
    return _evaluated(model)


@torch.inference_mode()
def probe_logits(model: Any) -> Tensor:
    """Return the logits of a float32 model on a random text, the same for all models of a vocabulary, ``[B, T, V]``."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(model.config.vocab_size, (_ROWS, _TOKENS), generator=generator)
    logits: Tensor = model(input_ids=ids[:, : model.config.max_position_embeddings], use_cache=False).logits
    return logits


def refuse_other_logits(file: str, wanted: Tensor, found: Tensor, kind: GgufType) -> float:
    """Return the largest difference of two models' logits.

    Raises:
        CodelmError: Rounding to the type does not explain it.
    """
    difference = float((wanted - found).abs().max())
    if not difference <= _MOST[kind]:
        raise CodelmError(f"{file} was not exported: read back, its logits differ by up to {difference:.3g}")
    return difference


def refuse_other_tokens(file: Path, tokenizer: Any) -> None:
    """Raise `CodelmError` where a GGUF file, read through transformers, has another vocabulary or merges otherwise."""
    with _bar_hidden():
        found = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # transformers 5.23 reads neither which digits stand apart nor any other name of llama.cpp's for a cut.
    found.backend_tokenizer.pre_tokenizer = tokenizer.backend_tokenizer.pre_tokenizer
    vocabulary, read = tokenizer.get_vocab(), found.get_vocab()
    alike = all(read.get(token) == number for token, number in vocabulary.items())
    if not alike or _tokens(found) != _tokens(tokenizer):
        raise CodelmError(f"{file.name} was not exported: read back, its tokenizer is another one")


@torch.no_grad()
def add_gguf_adapter(model: PreTrainedModel, file: Path) -> PreTrainedModel:
    """Add a GGUF adapter to the weights of a float32 base, by llama.cpp's rule, and return it."""
    from gguf import GGUFReader

    reader = GGUFReader(file)
    alpha = reader.fields["adapter.lora.alpha"].contents()
    tensors = {each.name: torch.from_numpy(each.data.copy()) for each in reader.tensors}
    names = tensor_names(model.config.num_hidden_layers)
    for name, weight in model.named_parameters():
        place = tensor_name(names, name)
        if (b := tensors.get(f"{place}.lora_b")) is not None:
            weight.add_(b @ tensors[f"{place}.lora_a"], alpha=alpha / b.shape[1])
    return model


@contextmanager
def unreadable_refused(file: str) -> Iterator[None]:
    """Raise `CodelmError` where a file that was written cannot be read back: the disk, or a library, has harmed it."""
    try:
        yield
    except (CodelmError, OSError, MemoryError):
        raise
    except Exception as error:  # gguf's and transformers' are of all kinds
        raise CodelmError(f"{file} was not exported: read back, {one_line(error)}") from error


def _evaluated(model: Any) -> PreTrainedModel:
    evaluated: PreTrainedModel = model.eval()
    return evaluated


def _tokens(tokenizer: Any) -> list[Sequence[int]]:
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in _TEXTS]


@contextmanager
def _bar_hidden() -> Iterator[None]:
    """Hide the bar that transformers draws while it converts a GGUF file, also where nobody looks at it."""
    with redirect_stderr(io.StringIO()):
        yield
