"""Writing of the finished model into the folder that travels in the package."""

import shutil
from pathlib import Path

from transformers import PreTrainedModel

from codelm.files import new_folder

__all__ = ["write_model"]


def write_model(model: PreTrainedModel, tokenizer: Path, folder: Path) -> None:
    """Write weights in bfloat16, configuration and tokenizer into ``folder``; other files there stay.

    The folder is replaced in one step: weights are of no use with another model's tokenizer.
    """
    target = folder.resolve()
    with new_folder(target) as new:
        if target.exists():
            shutil.copytree(target, new, dirs_exist_ok=True)
        model.bfloat16().save_pretrained(new)
        (new / "generation_config.json").unlink(missing_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(tokenizer / name, new / name)
        for file in new.iterdir():
            if file.is_file():
                file.chmod(0o644)  # safetensors keeps its files to their owner
