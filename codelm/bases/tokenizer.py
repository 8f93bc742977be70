"""The tokenizer of a base, loaded alike for the data and for the model."""

from typing import Any

from codelm.bases import locate
from codelm.bases.hub import one_line_errors
from codelm.errors import InputError

__all__ = ["load_tokenizer"]


def load_tokenizer(name: str, revision: str | None = None) -> Any:
    """Return the tokenizer of base ``name``: a bundled name, a folder, or a model hub's name.

    Raises:
        InputError: There is no such base, it cannot be downloaded, or it has no working tokenizer.
    """
    from transformers import AutoTokenizer  # takes seconds

    with one_line_errors(name):
        tokenizer = AutoTokenizer.from_pretrained(locate(name), revision=revision, trust_remote_code=False)
    _refuse_empty(name, tokenizer)
    return tokenizer


def _refuse_empty(name: str, tokenizer: Any) -> None:
    """Refuse the empty tokenizer that transformers returns for a folder without a tokenizer's files."""
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("fn", "if"))
    if not first or first == second:
        raise InputError(
            f"base model {name} has no tokenizer that reads text: give one with its tokenizer.json beside config.json"
        )
