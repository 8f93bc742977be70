"""The tokenizer of a base model, by name or folder."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from codelm.errors import InputError


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model: a folder, or a name on the model hub.

    Raises:
        InputError: There is none of that name, or no network to fetch it with.
    """
    if name.startswith((".", "/", "~")) and not Path(name).expanduser().is_dir():
        raise InputError(f"no such folder: {name}; wanted one that holds a model's tokenizer.json")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(Path(name).expanduser().as_posix())
    except (OSError, ValueError) as error:
        raise InputError(
            f"no tokenizer for {name!r}: the model hub has none of that name, or cannot be reached; "
            "check the name, or give the folder of a downloaded model"
        ) from error
    return tokenizer
