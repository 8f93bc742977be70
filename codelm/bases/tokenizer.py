"""The tokenizer of a base: one loader for the data that is encoded and the model that reads it."""

from typing import Any

from codelm.bases import locate
from codelm.bases.hub import plain_errors
from codelm.errors import InputError

PROBES = ("fn", "if")
"""Two texts that no tokenizer may take for the same."""


def load_tokenizer(name: str, revision: str | None = None) -> Any:
    """Return the tokenizer of base ``name``: a bundled name, a folder, or a model hub's name.

    Raises:
        InputError: there is no such base, no network to fetch it, or it holds no tokenizer that can read.
    """
    from transformers import AutoTokenizer  # takes seconds

    with plain_errors(name):
        tokenizer = AutoTokenizer.from_pretrained(locate(name), revision=revision, trust_remote_code=False)
    _refuse_illiterate(name, tokenizer)
    return tokenizer


def _refuse_illiterate(name: str, tokenizer: Any) -> None:
    """Refuse the empty tokenizer that transformers makes where a folder holds no tokenizer's files."""
    first, second = (tokenizer(probe, add_special_tokens=False)["input_ids"] for probe in PROBES)
    if not first or first == second:
        raise InputError(
            f"base model {name} has no tokenizer that reads text: give one with its tokenizer.json beside config.json"
        )
