"""Hugging Face's fast tokenizers: what is used of them, and checks of their special tokens."""

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from codelm.errors import InputError
from codelm.special_tokens import PromptFormat

if TYPE_CHECKING:
    from tokenizers import Tokenizer as _Backend

__all__ = ["Tokenizer", "check_special_token", "fingerprint", "largest_id", "text_only"]


class Tokenizer(Protocol):
    """A fast tokenizer, ``transformers.PreTrainedTokenizerFast``."""

    eos_token_id: int | None

    @property
    def backend_tokenizer(self) -> "_Backend":
        """The tokenizer in Rust."""


def text_only(backend: "_Backend") -> "_Backend":
    """Return a copy that reads special tokens as text, and neither truncates, pads nor shifts offsets."""
    description = json.loads(backend.to_str()) | {"truncation": None, "padding": None, "post_processor": None}
    copy = type(backend).from_str(json.dumps(description))
    copy.encode_special_tokens = True
    return copy


def check_special_token(name: str, token: int, backend: "_Backend", text_only: "_Backend") -> None:
    """Check that a special token is one token, and that ordinary text cannot contain it.

    Args:
        name: The special token as text.
        token: Its id.
        backend: The tokenizer, which finds special tokens in text.
        text_only: Its copy by `text_only`, which must not.

    Raises:
        InputError: The special token is several tokens, or is found in ordinary text.
    """
    [parsed, plain] = [each.encode_batch([name], add_special_tokens=False)[0].ids for each in (backend, text_only)]
    if parsed != [token]:
        raise InputError(f"the tokenizer splits {name} into {len(parsed)} tokens: give one that holds it as one")
    if token in plain:
        raise InputError(f"the tokenizer finds {name} in ordinary text: mark it as special in its tokenizer.json")


def largest_id(text_only: "_Backend", special_ids: dict[str, int]) -> int:
    """Return the largest token id that a text or a special token of the format becomes.

    Other special tokens do not count: a base may have more of them than its model has rows.
    """
    added = [token for token, known in text_only.get_added_tokens_decoder().items() if not known.special]
    return max([*text_only.get_vocab(with_added_tokens=False).values(), *added, *special_ids.values()])


def fingerprint(backend: "_Backend", special_ids: dict[str, int], prompt_format: PromptFormat) -> str:
    """Return the SHA-256 of all that decides which tokens a sample becomes."""
    format_used = json.dumps([special_ids, asdict(prompt_format)], sort_keys=True)
    return hashlib.sha256((backend.to_str() + format_used).encode()).hexdigest()
