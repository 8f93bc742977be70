"""The store of a whole history, and the tokenizer alone on the same text."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from codelm.datamodules import GitCommitDataModule
from codelm.history.store import open_store

__all__ = ["build", "encode_only"]

_BLOCK = 256
_TOKENIZER = "tiny"


def build(
    repository: str, revision: str, sequence_length: int, cache: str | None = None, copied_cache: str | None = None
) -> dict[str, Any]:
    """Build the store of a repository's history.

    Args:
        repository: The repository's folder.
        revision: The newest commit that is read.
        sequence_length: Tokens in a row.
        cache: The cache's folder, which stays; None for one that goes with the outcome.
        copied_cache: A cache that the other one begins as a copy of.
    """
    with TemporaryDirectory(dir=Path.cwd()) as scratch:
        folder = cache or f"{scratch}/cache"
        if copied_cache:
            shutil.copytree(copied_cache, folder)
        data = GitCommitDataModule(
            _TOKENIZER, repo=repository, revision=revision, sequence_length=sequence_length, cache=folder
        )
        _ = data.encoder  # loaded before the clock runs: transformers takes seconds
        began = time.monotonic()
        data.prepare_data()
        seconds = time.monotonic() - began
        data.setup()
        return {"seconds": seconds, "tokens": len(data.store.tokens)}


def encode_only(cache: str) -> dict[str, Any]:
    """Encode the text of all samples of the one store in a cache, without special tokens and many at a time."""
    from codelm.bases.tokenizer import load_tokenizer

    backend = load_tokenizer(_TOKENIZER).backend_tokenizer
    [folder] = (file.parent for file in Path(cache).glob("*/facts.json"))
    store = open_store(folder)
    texts = [backend.decode(store.sample(index)[0].tolist()) for index in range(len(store.samples))]
    began, tokens = time.monotonic(), 0
    for start in range(0, len(texts), _BLOCK):
        encodings = backend.encode_batch(texts[start : start + _BLOCK], add_special_tokens=False)
        tokens += sum(len(encoding.ids) for encoding in encodings)
    return {"seconds": time.monotonic() - began, "tokens": tokens}
