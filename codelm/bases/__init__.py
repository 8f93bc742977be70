"""Base models by name: one inside the package, folders, and names on the model hub; quick to import."""

import os
from pathlib import Path

from codelm.errors import InputError

__all__ = ["BUNDLED", "locate", "public_name"]

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


def public_name(base: str) -> str:
    """Return the name by which others find a base: of a folder, that of the hub's cache or else its own last part.

    >>> public_name("/home/jo/.cache/huggingface/hub/models--bigcode--starcoder2-3b/snapshots/733247c5")
    'bigcode/starcoder2-3b'
    >>> public_name("bigcode/starcoder2-3b"), public_name("tiny"), public_name("~/models/own"), public_name("./tiny")
    ('bigcode/starcoder2-3b', 'tiny', 'own', 'tiny-folder')
    """
    if base in BUNDLED or not (base.startswith((os.sep, ".", "~")) or os.path.isdir(base)):
        return base
    folder = Path(os.path.expanduser(base)).absolute()
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/")
    name = Path(os.path.normpath(folder)).name
    return f"{name}-folder" if name in BUNDLED else name
