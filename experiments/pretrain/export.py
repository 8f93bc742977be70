"""From a trained module to the folder that travels in the package."""

import shutil
from pathlib import Path

from transformers import PreTrainedModel

from codelm.files import new_folder


def write_model(model: PreTrainedModel, tokenizer: Path, folder: Path) -> None:
    """Write weights in bfloat16, configuration and tokenizer into ``folder``; what else is there stays.

    All at once, in place of what was there: weights are of no use with another's tokenizer.
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
