"""The saved adapter that a training begins with, in place of a new one."""

import json
from pathlib import Path, PurePath
from typing import Any

from torch import Tensor

from codelm.errors import InputError
from codelm.modules.adapters import LoRA, load_adapter, refuse_other_adapter

__all__ = ["begin_with", "check_first_adapter"]


def check_first_adapter(lora: LoRA, folder: str | None, base_name: str) -> None:
    """Refuse, before weights are loaded, an adapter that a training cannot begin with; None is none.

    Args:
        lora: The settings of the model's adapter.
        folder: The saved adapter.
        base_name: The name by which others find the model's base.

    Raises:
        InputError: There is no such folder, or the adapter is of another base or shape.
        DamagedDataError: Its settings cannot be read.
    """
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise InputError(f"model.adapter {folder}: no such folder; give the adapter folder of a run, or leave it out")
    refuse_other_adapter(lora, Path(folder))
    config = json.loads((Path(folder) / "adapter_config.json").read_text("utf-8"))
    trained_on = str(config.get("base_model_name_or_path") or base_name)
    if PurePath(trained_on).name != PurePath(base_name).name:  # whoever keeps it in a folder
        raise InputError(
            f"the adapter {folder} is of base {trained_on}, not of {base_name}: give that one, or --model.base_name "
            f"{trained_on} where they are the same"
        )


def begin_with(model: Any, lora: LoRA, folder: str | None) -> dict[str, Tensor]:
    """Give a PEFT model the weights of a saved adapter; return copies of all that is trained, on the CPU.

    Their names are those in a module that has the model as its ``model``. Without a folder there are none, and the
    model stays as it is.

    Raises:
        InputError: The adapter does not fit.
        DamagedDataError: It cannot be read.
    """
    if folder is None:
        return {}
    load_adapter(model, lora, Path(folder))
    trained = ((name, each) for name, each in model.named_parameters(prefix="model") if each.requires_grad)
    return {name: each.detach().cpu().clone() for name, each in trained}
