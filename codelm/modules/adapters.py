"""LoRA adapters: the only module that imports peft."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel

from codelm.errors import DamagedDataError, InputError, one_line
from codelm.modules.adapter_targets import names_layer
from codelm.modules.four_bits import is_linear, kernel_warning_hidden

__all__ = [
    "Coverage",
    "LoRA",
    "add_adapter",
    "coverage",
    "load_adapter",
    "lora_config",
    "plain_lora_layers",
    "refuse_other_adapter",
    "save_adapter",
    "saved_settings",
]


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class LoRA:
    """Low-rank adapters (LoRA): two narrow matrices per target layer, whose product is added to its weight.

    Attributes:
        r: Rank, the narrow dimension of the two matrices.
        alpha: Scale; the product of the matrices is multiplied by alpha / r.
        dropout: Share of an adapter's inputs that is set to 0 in training.
        targets: Names of the linear layers that get adapters; the default is all six of StarCoder2.
        rslora: Rank-stabilised LoRA: multiply by alpha / sqrt(r) instead, for large ranks.
        dora: DoRA: learn the length of each weight vector apart from its direction; slower, better at small ranks.
        loraplus_ratio: LoRA+: the second matrix's learning rate over the first one's (Hayou 2024, arXiv 2402.12354).
        inference_scale: Factor of the adapter wherever it is not being trained, from 0 to 1: in validation, evaluation
            and completions, and of alpha in the saved adapter. Below 1 it keeps most of what it learned, and much more
            of what the base knew (Wortsman et al. 2021, arXiv 2109.01903).
    """

    r: PositiveInt = 8
    alpha: PositiveFloat = 16
    dropout: ClosedUnitInterval = 0.05
    targets: list[str] = field(
        default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"],
    )
    rslora: bool = False
    dora: bool = False
    loraplus_ratio: PositiveFloat = 1.0
    inference_scale: ClosedUnitInterval = 1.0

    def __post_init__(self) -> None:
        if self.dora and self.inference_scale != 1:
            raise InputError(
                f"model.lora.inference_scale is {self.inference_scale}: DoRA learns lengths that it would not scale;"
                " give 1 with model.lora.dora"
            )


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of the layers and parameters of a model: adapted ones for each target name, and all, adapters included."""

    adapted_layers: dict[str, int]
    linear_layers: int
    trainable_parameters: int
    parameters: int


@kernel_warning_hidden()
def lora_config(lora: LoRA) -> Any:
    """Return the settings as PEFT's `LoraConfig`."""
    import peft

    return peft.LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        task_type="CAUSAL_LM",
    )


@kernel_warning_hidden()
def add_adapter(base: PreTrainedModel, lora: LoRA, *, name: str, revision: str | None = None) -> Any:
    """Freeze ``base`` and return it as a PEFT model with new adapters, in float32, which do not change its output yet.

    Embeddings, norms and head keep their type: peft's own preparation would convert them to float32, 0.6 GB for
    StarCoder2's embedding alone.

    Args:
        base: The base model, changed in place.
        lora: The adapters' settings.
        name: The name by which others find the base, for the adapter's configuration file; peft would name its folder.
        revision: The base's revision on the model hub, for that file, too.
    """
    import peft

    with warnings.catch_warnings():
        # peft uses a name of transformers that 6.0 drops
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        model = peft.get_peft_model(base, lora_config(lora), revision=revision)
    model.peft_config["default"].base_model_name_or_path = name
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    if lora.inference_scale != 1:
        _scale_for_inference(model, lora.inference_scale)
    return model


def _scale_for_inference(model: Any, factor: float) -> None:
    """Let each adapter of a PEFT model be scaled by a factor while it is in eval mode."""
    from peft.tuners.lora import LoraLayer

    def scale(layer: Any, *, trained: dict[str, float]) -> None:
        layer.scaling.update({name: value * (1 if layer.training else factor) for name, value in trained.items()})

    layers: list[Any] = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
    for layer in layers:  # before each pass: Lightning sets the mode of layers without a call of theirs
        layer.scale_by_mode = partial(scale, layer, trained=dict(layer.scaling))
        layer.register_forward_pre_hook(lambda its, _: its.scale_by_mode())


def coverage(model: Any, targets: Sequence[str], linear_layers: Sequence[str]) -> Coverage:
    """Return how much of a PEFT model is trained; ``linear_layers`` names the layers that can have an adapter."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [name for name, layer in model.named_modules() if isinstance(layer, BaseTunerLayer)]
    trainable, parameters = model.get_nb_trainable_parameters()
    return Coverage(
        adapted_layers={target: sum(names_layer(target, layer) for layer in adapted) for target in targets},
        linear_layers=len(linear_layers),
        trainable_parameters=trainable,
        parameters=parameters,
    )


def save_adapter(model: Any, folder: Path, *, scale: float = 1.0) -> None:
    """Write the adapter in PEFT's format: ``adapter_config.json``, its alpha scaled, and ``adapter_model.safetensors``.

    PEFT's model card, an empty form, is left out. All files get the permissions that the umask gives.
    """
    config = model.peft_config["default"]
    alpha, config.lora_alpha = config.lora_alpha, config.lora_alpha * scale
    try:
        model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    finally:
        config.lora_alpha = alpha
    (folder / "README.md").unlink(missing_ok=True)
    mode = (folder / "adapter_config.json").stat().st_mode
    (folder / "adapter_model.safetensors").chmod(mode)  # safetensors makes files that only the owner may read


def saved_settings(folder: Path) -> LoRA:
    """Return the settings of a saved adapter; its alpha holds the ``inference_scale`` that it was saved with.

    Raises:
        DamagedDataError: They cannot be read.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        return LoRA(
            r=config["r"],
            alpha=config["lora_alpha"],
            dropout=0.0,
            targets=sorted(config["target_modules"]),
            rslora=config["use_rslora"],
            dora=config["use_dora"],
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> DamagedDataError:
    return DamagedDataError(
        f"the adapter {folder} is damaged or not whole: {one_line(error)}; take a copy of it, or train again"
    )


def refuse_other_adapter(lora: LoRA, folder: Path) -> LoRA:
    """Return the settings of a saved adapter; raise `InputError` where it has another shape than these settings."""
    saved = saved_settings(folder)
    found, wanted = ((each.r, each.rslora, each.dora, sorted(each.targets)) for each in (saved, lora))
    if found != wanted:
        raise InputError(
            f"the adapter {folder} has r, rslora, dora, targets {found}, the model {wanted}; train it again"
        )
    return saved


def load_adapter(model: Any, lora: LoRA, folder: Path) -> None:
    """Load the weights of a saved adapter into a PEFT model, scaled as its alpha says.

    The alpha of a saved adapter holds the ``inference_scale`` that it was saved with; the model applies its own to it.

    Args:
        model: The PEFT model.
        lora: The settings of its adapter.
        folder: The saved adapter, in PEFT's format.

    Raises:
        InputError: The adapter has another shape.
        DamagedDataError: A file of it is not there, or not what it should be.
    """
    from peft import set_peft_model_state_dict

    saved = refuse_other_adapter(lora, folder)
    try:
        scale = saved.alpha / (lora.alpha * lora.inference_scale)
        weights = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:  # torch's of a file is the fourth
        raise _damaged(folder, error) from error
    scaled = {name: tensor * scale if "lora_B" in name else tensor for name, tensor in weights.items()}
    try:
        loaded: Any = set_peft_model_state_dict(model, scaled)
    except RuntimeError as error:
        raise InputError(
            f"the adapter {folder} does not fit the base: {one_line(error)}; give the base it was trained on"
        ) from error
    missing = [name for name in loaded.missing_keys if "lora_" in name]
    if missing or loaded.unexpected_keys:
        raise InputError(
            f"the adapter {folder} does not fit: {len(missing)} weights missing, {len(loaded.unexpected_keys)} unknown;"
            " give the base it was trained on"
        )


def plain_lora_layers(model: nn.Module) -> list[Any]:
    """Return the layers of a PEFT model that are linear, in 4 bits or not, with adapters as LoRA first had them."""
    from peft.tuners.lora import LoraLayer

    layers: list[Any] = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
    return [layer for layer in layers if is_linear(layer.get_base_layer()) and not layer.lora_variant]
