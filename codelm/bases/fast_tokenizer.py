"""The tokenizer of a base from its ``tokenizer.json`` alone, without transformers and without a download."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codelm.bases.local_files import local_file
from codelm.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["FastTokenizer", "load_fast_tokenizer"]

_FILE, _CONFIG = "tokenizer.json", "tokenizer_config.json"


@dataclass(slots=True)
class FastTokenizer:
    """What an encoder asks of a tokenizer."""

    backend_tokenizer: "Tokenizer"
    eos_token_id: int | None
    unk_token_id: int | None


def load_fast_tokenizer(name: str, revision: str | None = None) -> FastTokenizer | None:
    """Return the tokenizer of a base: bundled, of a folder, or of a model hub's name that this machine has read before.

    None where this machine has no ``tokenizer.json`` of it.

    Raises:
        InputError: The file cannot be read.
    """
    path = local_file(name, _FILE, revision)
    if path is None:
        return None
    from tokenizers import Tokenizer

    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise InputError(f"{path} cannot be read: {str(error)[:200]}; give a base with its tokenizer.json") from error
    special = _special_tokens(local_file(name, _CONFIG, revision))
    eos, unknown = (backend.token_to_id(text) if text else None for text in special)
    return FastTokenizer(backend, eos, unknown)


def _special_tokens(config: Path | None) -> tuple[str | None, str | None]:
    """Return the names of the end of sequence and of the unknown token, where a configuration says them."""
    content: Any = None
    if config is not None:
        with suppress(OSError, ValueError):
            content = json.loads(config.read_text("utf-8"))
    eos, unknown = (content.get(name) if isinstance(content, dict) else None for name in ("eos_token", "unk_token"))
    return _text(eos), _text(unknown)


def _text(token: Any) -> str | None:
    """Return the text of a token, which is written plainly or with its properties."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None
