"""Provenance of data and checkpoints: each repository's name, and the commit at which its training split ends."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Provenance", "describe", "provenance"]

Provenance = list[tuple[str, str]]
"""Pairs of a repository's name and its cut. The name matters: every prompt that a model learned from contains it."""


def provenance(scraped: Mapping[str, Any]) -> Provenance:
    """Return the provenance by the facts of scraping, as a store or a manifest holds them."""
    return [(str(history["name"]), str(history["split"]["cut"])) for history in scraped["repositories"]]


def describe(repositories: Provenance) -> str:
    """Return a provenance as text.

    >>> describe([("fd", "0123456789abcdef"), ("bat", "f" * 40)])
    'fd cut at 0123456789, bat cut at ffffffffff'
    """
    return ", ".join(f"{name} cut at {cut[:10]}" for name, cut in repositories)
