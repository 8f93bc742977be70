"""The tokenizer of a base: one loader for the data that is encoded and the model that reads it."""

from typing import Any

from codelm.bases import locate
from codelm.bases.hub import plain_errors


def load_tokenizer(name: str, revision: str | None = None) -> Any:
    """Return the tokenizer of base ``name``: a bundled name, a folder, or a model hub's name.

    Raises:
        InputError: there is no such base, or no network to fetch it.
    """
    from transformers import AutoTokenizer  # takes seconds

    with plain_errors(name):
        return AutoTokenizer.from_pretrained(locate(name), revision=revision, trust_remote_code=False)
