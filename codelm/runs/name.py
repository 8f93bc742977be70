"""The name of a run."""

import re
from collections.abc import Sequence

from codelm.errors import InputError

__all__ = ["run_name"]

_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")


def run_name(name: str | None, repositories: Sequence[str]) -> str:
    """Return the name a user chose, or one made from the names of the repositories.

    Raises:
        InputError: The name could lead out of the output folder, or be no folder at all.
    """
    if name is not None:
        if not _NAME.fullmatch(name):
            raise InputError(f"--name {name!r} cannot name a folder: use 1 to 64 letters, digits, dots, - and _")
        return name
    first = re.sub(r"[^A-Za-z0-9._-]+", "-", repositories[0]).strip(".-")[:48] or "run"
    return first if len(repositories) == 1 else f"{first}-and-{len(repositories) - 1}-more"
