"""Base models that travel inside the package, known by a short name."""

from pathlib import Path

BUNDLED = {"tiny": Path(__file__).parent / "tiny"}


def resolve(name: str) -> str:
    """Return the folder of a bundled base, or ``name`` unchanged: a model hub's name or a folder.

    >>> resolve("bigcode/starcoder2-3b")
    'bigcode/starcoder2-3b'
    """
    return str(BUNDLED.get(name, name))
