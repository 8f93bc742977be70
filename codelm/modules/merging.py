"""A saved adapter merged into the weights of a base."""

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from codelm.errors import DamagedDataError, one_line
from codelm.modules.adapters import LoRA, add_adapter, load_adapter

__all__ = ["merge_adapter", "with_saved_adapter"]


def with_saved_adapter(base: PreTrainedModel, folder: Path) -> Any:
    """Return ``base``, which is changed, with a saved adapter, scaled as that says, as a PEFT model in eval mode.

    Raises:
        InputError: The adapter has another shape.
        DamagedDataError: A file of it is not what it should be.
    """
    lora = _saved_settings(folder)
    model = add_adapter(base, lora, name="")
    load_adapter(model, lora, folder)
    return model.eval()


def _saved_settings(folder: Path) -> LoRA:
    """Return the settings of a saved adapter; its alpha holds the scale that it had where it was not being trained.

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
        raise DamagedDataError(
            f"adapter {folder} is damaged or not whole: {one_line(error)}; take a copy of it, or train again"
        ) from error


def merge_adapter(model: Any) -> PreTrainedModel:
    """Add the adapter of a PEFT model to the weights of its base, which are in no quantised type, and return the base.

    Each layer is merged in float32 and gets its own type again, so that only one at a time takes that memory.
    """
    for layer in [each for each in model.modules() if hasattr(each, "lora_A")]:
        base = layer.get_base_layer()
        own = next(base.parameters()).dtype
        base.float()
        layer.merge()
        base.to(own)
    merged: PreTrainedModel = model.unload()
    return merged
