"""A saved adapter merged into the weights of a base."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from codelm.modules.adapters import add_adapter, load_adapter, saved_settings

__all__ = ["merge_adapter", "with_saved_adapter"]


def with_saved_adapter(base: PreTrainedModel, folder: Path) -> Any:
    """Return ``base``, which is changed, with a saved adapter, scaled as that says, as a PEFT model in eval mode.

    Raises:
        InputError: The adapter has another shape.
        DamagedDataError: A file of it is not what it should be.
    """
    lora = saved_settings(folder)
    model = add_adapter(base, lora, name="")
    load_adapter(model, lora, folder)
    return model.eval()


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
