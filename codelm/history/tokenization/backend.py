"""The tokenizer behind the tokenizer: what we ask of it, and a copy that takes all text for text."""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Protocol

from codelm.errors import InputError


class Encoding(Protocol):
    """What we ask of one tokenised text."""

    ids: list[int]
    offsets: list[tuple[int, int]]

    def char_to_token(self, char_pos: int) -> int | None:
        """Return the token that holds a character; None for a character that no token holds."""

    def token_to_chars(self, token_index: int) -> tuple[int, int] | None:
        """Return where a token's characters begin and end."""

    def __len__(self) -> int:
        """Return the number of tokens."""


class Backend(Protocol):
    """What we ask of ``tokenizers.Tokenizer``."""

    encode_special_tokens: bool

    def to_str(self) -> str:
        """Return the whole tokenizer as JSON."""

    @staticmethod
    def from_str(json: str) -> "Backend":
        """Return the tokenizer that this JSON describes."""

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, by its exact name."""

    def encode_batch(self, input: list[str], *, add_special_tokens: bool) -> Sequence[Encoding]:
        """Return the tokens of texts, with their places in the text."""

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool) -> Sequence[Encoding]:
        """Return the tokens of texts, without their places."""

    def decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        """Return the text that tokens spell."""


class Tokenizer(Protocol):
    """What we ask of a fast tokenizer of Hugging Face."""

    eos_token_id: int | None

    @property
    def backend_tokenizer(self) -> Backend:
        """The tokenizer behind the tokenizer."""


def text_only(backend: Backend) -> Backend:
    """Return a copy that reads special tokens as text, cuts and pads nothing, and keeps each token's true place."""
    description = json.loads(backend.to_str()) | {"truncation": None, "padding": None, "post_processor": None}
    copy = type(backend).from_str(json.dumps(description))
    copy.encode_special_tokens = True
    return copy


def check_sentinel(name: str, token: int, backend: Backend, text_only: Backend) -> None:
    """Refuse a sentinel that is more than one token, or that ordinary text could forge."""
    [parsed, forged] = [each.encode_batch([name], add_special_tokens=False)[0].ids for each in (backend, text_only)]
    if parsed != [token]:
        raise InputError(f"the tokenizer splits {name} into {len(parsed)} tokens: give one that holds it as one")
    if token in forged:
        raise InputError(f"the tokenizer finds {name} in ordinary text: mark it as special in its tokenizer.json")


def fingerprint(backend: Backend, ids: dict[str, int]) -> str:
    """Return the SHA-256 of all that decides which tokens a text becomes."""
    return hashlib.sha256((backend.to_str() + json.dumps(ids, sort_keys=True)).encode()).hexdigest()


def tell_forks_apart() -> None:
    """Let the tokenizer use all cores here and one in forked workers, without its warning; unless the user has chosen.

    The Rust threads do not survive a fork: a worker that counted on them would wait for ever.
    """
    if "TOKENIZERS_PARALLELISM" not in os.environ:
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        os.register_at_fork(after_in_child=lambda: os.environ.update(TOKENIZERS_PARALLELISM="false"))
