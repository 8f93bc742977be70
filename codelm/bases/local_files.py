"""The files of a base that are on this machine, found without transformers and without a download."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from codelm.bases import locate
from codelm.errors import InputError

__all__ = ["local_file", "local_positions"]

_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
"""What configurations call the longest sequence of a base: most, those like GPT-2, and MPT."""


def local_file(name: str, file: str, revision: str | None) -> Path | None:
    """Return the path of a base's file; None where this machine has none.

    Raises:
        InputError: ``name`` is none of a base.
    """
    place = locate(name)
    if Path(place).is_dir():
        found = Path(place) / file
        return found if found.is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(place, file, revision=revision)
    except HFValidationError as error:
        raise InputError(f"base model {name!r} is neither a folder nor a model hub's name") from error
    return Path(cached) if isinstance(cached, str) else None


def local_positions(name: str, revision: str | None = None) -> int | None:
    """Return the longest sequence of a base in tokens; None where its configuration is not here, or names none."""
    path, content = local_file(name, "config.json", revision), None
    if path is not None:
        with suppress(OSError, ValueError):
            content = json.loads(path.read_text("utf-8"))
    text: Any = content.get("text_config", content) if isinstance(content, dict) else None
    found = [text.get(each) for each in _POSITIONS] if isinstance(text, dict) else []
    return next((each for each in found if isinstance(each, int) and each > 0), None)
