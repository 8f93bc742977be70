"""Base models by name: those that travel inside the package, folders, and the model hub's.

Importing this room is quick; what needs transformers imports it when called.
"""

import os
from pathlib import Path

from codelm.errors import InputError

BUNDLED = {"tiny": Path(__file__).parent / "tiny"}


def resolve(name: str) -> str:
    """Return the folder of a bundled base, or ``name`` unchanged: a model hub's name or a folder.

    >>> resolve("bigcode/starcoder2-3b")
    'bigcode/starcoder2-3b'
    """
    return str(BUNDLED.get(name, name))


def locate(name: str) -> str:
    """Return the folder or the hub's name of a base.

    Raises:
        InputError: it is a folder that is not there.
    """
    place = os.path.expanduser(resolve(name))
    if place.startswith((os.sep, ".")) and not os.path.isdir(place):
        raise InputError(f"base model {name} cannot be had: there is no such folder; give one that holds config.json")
    return place
