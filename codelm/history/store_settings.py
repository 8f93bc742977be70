"""Settings that decide the content of a store, and the names of stores that follow from them."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from codelm.git.repository import Repository
from codelm.history.filters.settings import Filters
from codelm.history.samples.formats import Formats
from codelm.history.tokenization.encoder import Encoder

__all__ = ["STORE_VERSION", "StoreSettings", "cache_folder", "family_of", "store_key", "with_format"]

STORE_VERSION = 22
"""Part of every store's key: raise it when the same history and settings would give other samples or other facts."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Settings that decide the content of a store, beside the histories and the tokenizer.

    Attributes:
        sequence_length: No sample is longer, in tokens.
        filters: What is left out.
        formats: How samples are written.
        held_out: Share of the newest commits that training does not see.
        max_commits: Learn from the newest so many commits before the cut; None for all.
        seed: Decides which hunks become infill tasks.
        learned: Ids of commits which an earlier training has learned, with all of their ancestors.
    """

    sequence_length: int
    filters: Filters
    formats: Formats
    held_out: float
    max_commits: int | None
    seed: int
    learned: tuple[str, ...] = ()


def with_format(settings: StoreSettings, name: str) -> StoreSettings:
    """Return settings that name the format of the samples."""
    return replace(settings, formats=replace(settings.formats, fim_format=name))


def cache_folder(given: str | None) -> Path:
    """Return the folder of the stores: the one that is given, or else ``codelm`` in the user's cache folder."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # by the XDG Base Directory Specification
    return Path(given).expanduser() if given else Path(caches) / "codelm"


def store_key(repositories: Sequence[Repository], settings: StoreSettings, fingerprint: str) -> str:
    """Return the name of the store of these histories, settings and tokenizer: 32 hexadecimal digits.

    Histories are identified by commit ids: a rebased branch is another history, a renamed branch is not.
    """
    histories = [
        [repository.name, repository.tip, repository.base, sorted(repository.shallow)] for repository in repositories
    ]
    decided_by = asdict(settings)
    if not settings.learned:  # stores from before there was this setting stay what they are
        del decided_by["learned"]
    return _digest([STORE_VERSION, histories, decided_by, fingerprint])


def family_of(repositories: Sequence[Repository], settings: StoreSettings, encoder: Encoder) -> str:
    """Return the name of the stores that can use each other's samples: 32 hexadecimal digits.

    It changes with all that decides which samples are made of a change or a file, beside these themselves.
    """
    names = [repository.name for repository in repositories]
    decided_by = settings.sequence_length, asdict(settings.formats), settings.seed
    tokenizer = encoder.fingerprint, encoder.format_facts(), version("tokenizers")
    return _digest([STORE_VERSION, names, decided_by, tokenizer])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
