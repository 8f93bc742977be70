"""Of which history something is: each repository's name, and the commit at which it was cut."""

from collections.abc import Mapping
from typing import Any

Origin = list[tuple[str, str]]
"""Names and cuts. A name counts: it stands in every prompt that a model learned."""


def origin(scraped: Mapping[str, Any]) -> Origin:
    """Return the names and cuts of what was scraped, by the facts of a store or a manifest."""
    return [(str(each["name"]), str(each["split"]["cut"])) for each in scraped["repositories"]]


def told(found: Origin) -> str:
    """Return names and cuts in words.

    >>> told([("fd", "0123456789abcdef"), ("bat", "f" * 40)])
    'fd cut at 0123456789, bat cut at ffffffffff'
    """
    return ", ".join(f"{name} cut at {cut[:10]}" for name, cut in found)
