"""The folders in which stores are built, and the removal of a store in one step."""

import re
import shutil
import tempfile
import time
from pathlib import Path

from codelm.errors import FULL, InputError, cannot_write

__all__ = ["remove_store", "temporary_folder"]

_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.\w{8}\.tmp")
"""Names of the temporary folders in which `new_store` builds stores, after the store's key."""
_ABANDONED = 24 * 60 * 60
"""Seconds without a write after which the process that built there is taken for dead."""


def temporary_folder(target: Path) -> Path:
    """Make the folder in which the store ``target`` is built."""
    cache = target.parent
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=cache))
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(str(cannot_write("cache folder", cache, error, "--data.cache"))) from error


def _remove_abandoned(cache: Path) -> None:
    """Remove the temporary folders of killed processes from ``cache``: those not written to for a day."""
    for folder in cache.glob(".*.tmp"):
        if _UNFINISHED.fullmatch(folder.name) and _last_written(folder) < time.time() - _ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)


def _last_written(folder: Path) -> float:
    """Return when a folder or a file in it was last written to, in seconds since 1970; now if it no longer exists."""
    try:  # writing to a file does not change the time of its folder, and a long history may take more than a day
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return time.time()


def remove_store(folder: Path) -> None:
    """Remove a store, if it is there, in one step: no process finds a part of it.

    Raises:
        InputError: The cache folder cannot be written to.
    """
    aside = temporary_folder(folder)
    try:
        folder.replace(aside / "old")
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as error:
        raise InputError(str(cannot_write("cache folder", folder.parent, error, "--data.cache"))) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
