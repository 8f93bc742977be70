"""The format that a base's samples are written in: by its name and its tokens, or as the settings force it."""

from typing import Any

from codelm.bases.families import Decision, decide, identities
from codelm.bases.tokenizer import load_tokenizer
from codelm.history.samples.formats import missing_capabilities
from codelm.history.tokenization.encoder import Encoder

__all__ = ["decide_format", "encoder_for", "format_notices"]


def decide_format(base: str, tokenizer: Any, setting: str, known_as: str | None = None) -> Decision:
    """Return the format for a base.

    Args:
        base: Its name or folder.
        tokenizer: Its tokenizer.
        setting: What the settings say: "auto" or a format's name.
        known_as: The name that a user gave it.
    """
    return decide(setting, identities(base, known_as), tokenizer.get_vocab().__contains__)


def encoder_for(base: str, revision: str | None, setting: str) -> Encoder:
    """Return the tokenizer of a base, with the format for it."""
    tokenizer = load_tokenizer(base, revision)
    return Encoder(tokenizer, decide_format(base, tokenizer, setting).format)


def format_notices(base: str, setting: str, encoder: Encoder) -> list[str]:
    """Return a sentence for each thing that samples of a base cannot show, with the `encoder_for` it and a setting."""
    decision = decide(setting, identities(base), encoder.has_token)
    notices = missing_capabilities(encoder.wanted_format, encoder.special)
    return [*([decision.notice] if decision.notice else []), *notices]
