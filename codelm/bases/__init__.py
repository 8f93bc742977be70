"""Base models by name: one inside the package, folders, and names on the model hub.

The import is quick: transformers is imported by the functions that use it.
"""

import os
from pathlib import Path

from codelm.errors import InputError

__all__ = ["BUNDLED", "locate"]

BUNDLED = {"tiny": Path(__file__).parent / "tiny"}


def _resolve(name: str) -> str:
    """Return the folder of a bundled base, or else ``name`` unchanged: a folder, or a name on the model hub.

    >>> _resolve("bigcode/starcoder2-3b")
    'bigcode/starcoder2-3b'
    """
    return str(BUNDLED.get(name, name))


def locate(name: str) -> str:
    """Return the folder of a base, ``~`` expanded, or its name on the model hub.

    Raises:
        InputError: ``name`` is the path of a folder that does not exist.
    """
    place = os.path.expanduser(_resolve(name))
    if place.startswith((os.sep, ".")) and not os.path.isdir(place):
        raise InputError(f"base model {name} cannot be had: there is no such folder; give one that holds config.json")
    return place
