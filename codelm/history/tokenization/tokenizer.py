"""The interface of Hugging Face's fast tokenizers that is used here, and checks of a tokenizer's special tokens."""

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol

from codelm.errors import InputError

__all__ = ["Encoding", "Tokenizer", "check_special_token", "fingerprint", "text_only"]


class Encoding(Protocol):
    """One tokenised text, ``tokenizers.Encoding``."""

    ids: list[int]
    offsets: list[tuple[int, int]]

    def char_to_token(self, char_pos: int) -> int | None:
        """Return the index of the token that holds a character; None if no token does."""

    def token_to_chars(self, token_index: int) -> tuple[int, int] | None:
        """Return where a token's characters begin and end."""

    def __len__(self) -> int:
        """Return the number of tokens."""


class _Backend(Protocol):
    """The tokenizer in Rust, ``tokenizers.Tokenizer``."""

    encode_special_tokens: bool

    def to_str(self) -> str:
        """Return the whole tokenizer as JSON."""

    @staticmethod
    def from_str(json: str) -> "_Backend":
        """Return the tokenizer that this JSON describes."""

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, by its exact name."""

    def encode_batch(self, input: list[str], *, add_special_tokens: bool) -> Sequence[Encoding]:
        """Return the tokens of texts, with their offsets in the text."""

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool) -> Sequence[Encoding]:
        """Return the tokens of texts, without their offsets."""

    def decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        """Return the text of token ids."""


class Tokenizer(Protocol):
    """A fast tokenizer, ``transformers.PreTrainedTokenizerFast``."""

    eos_token_id: int | None

    @property
    def backend_tokenizer(self) -> _Backend:
        """The tokenizer in Rust."""


def text_only(backend: _Backend) -> _Backend:
    """Return a copy that reads special tokens as text, and neither truncates, pads nor shifts offsets."""
    description = json.loads(backend.to_str()) | {"truncation": None, "padding": None, "post_processor": None}
    copy = type(backend).from_str(json.dumps(description))
    copy.encode_special_tokens = True
    return copy


def check_special_token(name: str, token: int, backend: _Backend, text_only: _Backend) -> None:
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


def fingerprint(backend: _Backend, special_ids: dict[str, int]) -> str:
    """Return the SHA-256 of all that decides which tokens a text becomes."""
    return hashlib.sha256((backend.to_str() + json.dumps(special_ids, sort_keys=True)).encode()).hexdigest()
