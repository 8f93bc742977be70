"""Base models by name: one inside the package, folders, and names on the model hub; quick to import."""

import os
from pathlib import Path

from codelm.errors import InputError

__all__ = ["BUNDLED", "locate"]

BUNDLED = {"tiny": Path(__file__).parent / "tiny"}


def locate(name: str) -> str:
    """Return the folder of a base, ``~`` expanded, or its name on the model hub.

    Raises:
        InputError: ``name`` is the path of a folder that does not exist.
    """
    place = os.path.expanduser(BUNDLED.get(name, name))
    if place.startswith((os.sep, ".")) and not os.path.isdir(place):
        raise InputError(f"base model {name} cannot be had: there is no such folder; give one that holds config.json")
    return place
