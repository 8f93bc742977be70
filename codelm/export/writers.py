"""The formats of an export: each writes its files into an empty folder and tells how others read them."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import PretrainedConfig

from codelm.bases.tokenizer import load_tokenizer
from codelm.export.gguf_adapter import adapter_matrices, write_gguf_adapter
from codelm.export.gguf_model import GgufType, write_gguf
from codelm.export.licence import base_licence
from codelm.export.modelfile import modelfile
from codelm.export.read_back import (
    add_gguf_adapter,
    probe_logits,
    read_folder,
    read_gguf,
    refuse_other_logits,
    refuse_other_tokens,
    unreadable_refused,
)
from codelm.export.source import Source, trained_format
from codelm.export.weights import base_model, merged_model
from codelm.modules.merging import with_saved_adapter

__all__ = ["WRITERS", "Format", "Options", "Written"]

log = logging.getLogger(__name__)

Format = Literal["merged", "gguf", "gguf-adapter", "adapter"]


@dataclass(frozen=True, slots=True)
class Options:
    """What is written.

    Attributes:
        format: The form.
        exact: Merge into the base as it was in 4 bits, and not into its own weights.
        type: The type of the matrices.
        with_base: Write the base beside its GGUF adapter.
    """

    format: Format
    exact: bool = False
    type: GgufType = "f16"
    with_base: bool = False

    @property
    def dtype(self) -> torch.dtype:
        """The type that weights are held in until they are written."""
        return torch.float32 if self.type == "f32" else torch.float16


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        read: Returns the model as other programs read it; None where the files are copies of the run's.
        difference: The largest difference of a logit from what was to be written, where it was looked for.
        use: What the card's commands name.
    """

    read: Callable[[], Any] | None = None
    difference: float | None = None
    use: dict[str, Any] = field(default_factory=dict)


def _write_merged(source: Source, options: Options, folder: Path) -> Written:
    model = merged_model(source, options.dtype, exact=options.exact)
    model.save_pretrained(folder)
    for path in folder.glob("*.safetensors"):
        path.chmod((folder / "config.json").stat().st_mode)  # safetensors makes files that only the owner may read
    load_tokenizer(source.base, source.revision).save_pretrained(folder)
    return Written(lambda: read_folder(folder, source.attention))


def _write_adapter(source: Source, options: Options, folder: Path) -> Written:
    shutil.copytree(source.adapter, folder, dirs_exist_ok=True)
    return Written()


def _write_gguf(source: Source, options: Options, folder: Path) -> Written:
    model = merged_model(source, options.dtype, exact=options.exact)
    file = folder / f"{source.name}-{options.type}.gguf"
    difference = _write_and_compare(source, model, options, file)
    use = _write_modelfile(source, folder, model.config, file.name)
    return Written(lambda: read_gguf(file, model.config, source.attention), difference, use)


def _write_gguf_adapter(source: Source, options: Options, folder: Path) -> Written:
    base = base_model(source, torch.float32)
    config, layers = source.adapter_config, base.config.num_hidden_layers
    file = folder / f"{source.name}-adapter.gguf"
    write_gguf_adapter(file, config, adapter_matrices(source.adapter), layers, _facts(source))
    model = f"base-{options.type}.gguf"
    if options.with_base:
        _write_and_compare(source, base_model(source, options.dtype), options, folder / model)
    wanted = probe_logits(with_saved_adapter(base, source.adapter))
    with unreadable_refused(file.name):
        found = probe_logits(_read_adapter(source, file))
    difference = refuse_other_logits(file.name, wanted, found, "f32")
    use = _write_modelfile(source, folder, base.config, model, file.name)
    return Written(lambda: _read_adapter(source, file), difference, use)


def _write_and_compare(source: Source, model: Any, options: Options, file: Path) -> float:
    """Write a model as GGUF, read it back through transformers, and return the largest difference of a logit."""
    tokenizer = load_tokenizer(source.base, source.revision)
    write_gguf(file, model, tokenizer, options.type, _facts(source))
    log.info("export: reading %s back", file.name)
    wanted = probe_logits(model.float())
    with unreadable_refused(file.name):
        refuse_other_tokens(file, tokenizer)
        found = probe_logits(read_gguf(file, model.config, source.attention))
    return refuse_other_logits(file.name, wanted, found, options.type)


def _facts(source: Source) -> dict[str, str]:
    """Return what a GGUF file says of itself."""
    licence = base_licence(source.base, source.revision)
    return {"name": source.name, "base": source.base_name, **({"license": licence} if licence else {})}


def _read_adapter(source: Source, file: Path) -> Any:
    return add_gguf_adapter(base_model(source, torch.float32), file)


def _write_modelfile(
    source: Source, folder: Path, config: PretrainedConfig, model: str, adapter: str | None = None
) -> dict[str, Any]:
    """Write Ollama's Modelfile, and return what the card's commands name."""
    tokenizer = load_tokenizer(source.base, source.revision)
    # llama.cpp has no sliding window for StarCoder2: within it both attend to the same tokens.
    context = min(config.max_position_embeddings, config.sliding_window or config.max_position_embeddings)
    infill = trained_format(source, tokenizer)["infill"]
    text = modelfile(model, infill, tokenizer.get_vocab(), context, adapter)
    (folder / "Modelfile").write_text(text, "utf-8")
    return {"model": model, "adapter": adapter, "context": context}


WRITERS: dict[Format, Callable[[Source, Options, Path], Written]] = {
    "merged": _write_merged,
    "gguf": _write_gguf,
    "gguf-adapter": _write_gguf_adapter,
    "adapter": _write_adapter,
}
"""How each format is written."""
