"""From a trained module to the folder that travels in the package."""

import shutil
from pathlib import Path

from transformers import PreTrainedModel


def write_model(model: PreTrainedModel, tokenizer: Path, folder: Path) -> None:
    """Write weights in bfloat16, configuration and tokenizer into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    model.bfloat16().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, folder / name)
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors keeps its files to their owner
