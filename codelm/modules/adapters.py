"""Low-rank adapters and quantised optimizers: the one room that talks to peft and bitsandbytes.

Both are imported where they are used: it takes them seconds.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from torch.optim import Optimizer
from transformers import PreTrainedModel

from codelm.errors import InputError

# bitsandbytes regrets, each time it is imported on a CPU, the lack of an inference kernel that training has no use for.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class LoRA:
    """Low-rank adapters: two thin matrices beside each chosen linear layer, whose product is added to its output.

    Attributes:
        r: rank, the thin side of the two matrices.
        alpha: scale; the product is multiplied by alpha / r.
        dropout: share of the adapter's inputs that is dropped in training.
        targets: names of the linear layers that carry adapters; the default is all six of StarCoder2.
        rslora: divide by the root of r instead of r, for large ranks.
        dora: learn the length of each weight column apart from its direction; slower, better at small ranks.
    """

    r: PositiveInt = 8
    alpha: PositiveFloat = 16
    dropout: ClosedUnitInterval = 0.05
    targets: list[str] = field(
        default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"],
    )
    rslora: bool = False
    dora: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a model learns.

    Attributes:
        adapted_layers: linear layers with an adapter, for each target name.
        linear_layers: linear layers that could carry one.
        trainable_parameters: parameters that learn.
        parameters: all parameters, the adapters' included.
    """

    adapted_layers: dict[str, int]
    linear_layers: int
    trainable_parameters: int
    parameters: int


def lora_config(lora: LoRA) -> Any:
    """Return the adapters' settings in PEFT's words."""
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


def add_adapter(base: PreTrainedModel, lora: LoRA, *, revision: str | None = None) -> Any:
    """Freeze ``base`` and return it with fresh adapters, trained in float32; at first they change nothing.

    Embeddings, norms and head stay in the type of computation: peft's own preparation would lift them to float32,
    0.6 GB for StarCoder2's embedding alone.
    """
    import peft

    settings = lora_config(lora)
    with warnings.catch_warnings():
        # peft asks transformers for a name that 6.0 drops
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        model = peft.get_peft_model(base, settings, revision=revision)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    return model


def coverage(model: Any, targets: Sequence[str], linear_layers: Sequence[str]) -> Coverage:
    """Count what an adapted ``model`` learns."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [name for name, layer in model.named_modules() if isinstance(layer, BaseTunerLayer)]
    trainable, parameters = model.get_nb_trainable_parameters()
    return Coverage(
        adapted_layers={target: sum(matches(layer, target) for layer in adapted) for target in targets},
        linear_layers=len(linear_layers),
        trainable_parameters=trainable,
        parameters=parameters,
    )


@contextmanager
def adapter_disabled(model: Any) -> Iterator[None]:
    """Compute as the base alone, for a while."""
    with model.disable_adapter():
        yield


def save_adapter(model: Any, folder: Path) -> None:
    """Write the adapter as PEFT reads it: ``adapter_config.json`` and ``adapter_model.safetensors``.

    Leaves out PEFT's model card, a form that nobody has filled in, and lets all files be read by whom the umask lets.
    """
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    usual = (folder / "adapter_config.json").stat().st_mode
    (folder / "adapter_model.safetensors").chmod(usual)  # safetensors lets only the owner read


def matches(layer: str, target: str) -> bool:
    """Tell whether ``target`` means ``layer``, as peft does: its whole dotted name or the end of it.

    >>> matches("model.layers.0.mlp.c_fc", "mlp.c_fc"), matches("model.layers.0.mlp.c_fc", "fc")
    (True, False)
    """
    return f".{layer}".endswith(f".{target}")


def refuse_unknown_targets(targets: Sequence[str], layers: Sequence[str], *, base: str) -> None:
    """Refuse target names that match no linear layer; peft is content with one that does.

    Raises:
        InputError: names the real linear layers.
    """
    unknown = [target for target in targets if not any(matches(layer, target) for layer in layers)]
    if targets and not unknown:
        return
    given = ", ".join(unknown) or "(none given)"
    names = ", ".join(sorted({layer.rpartition(".")[2] for layer in layers})) or "none"
    raise InputError(f"model.lora.targets {given}: no such linear layer in base model {base}; it has {names}")


def paged_adamw_8bit(groups: list[dict[str, Any]], *, learning_rate: float) -> Optimizer:
    """Return AdamW with 8-bit moments in memory that the GPU may page out to the host."""
    from bitsandbytes.optim.adamw import PagedAdamW8bit

    optimizer: Optimizer = PagedAdamW8bit(groups, lr=learning_rate)
    return optimizer
