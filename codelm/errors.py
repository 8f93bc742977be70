"""The failures a user can mend: one clear line each, and the exit status the command ends with.

CodelmError
├── InputError         2   what was asked for cannot be done as asked
├── DamagedDataError   3   what was read is broken
└── ResourceError      4   the machine has run out of something
"""

import errno
import os
import re
from pathlib import Path

__all__ = [
    "FULL",
    "CodelmError",
    "DamagedDataError",
    "InputError",
    "ResourceError",
    "cannot_write",
    "is_out_of_memory",
    "one_line",
    "system_error",
]

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk or an exhausted quota."""


class CodelmError(Exception):
    """A failure whose message is meant for the user: what was given, what was wanted, what to do."""

    exit_status = 1


class InputError(CodelmError, ValueError):
    """The request cannot be served: a wrong path, name, number or setting."""

    exit_status = 2


class DamagedDataError(CodelmError):
    """The data is broken: a corrupt repository, cache or checkpoint."""

    exit_status = 3


class ResourceError(CodelmError, OSError):
    """The machine cannot do it: a full disk, a folder without permission, no memory left."""

    exit_status = 4


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there was no memory: Python's, torch's of a GPU, or torch's of a CPU."""
    of_gpu = type(error).__name__ == "OutOfMemoryError"
    return isinstance(error, MemoryError) or of_gpu or "DefaultCPUAllocator: can't allocate memory" in str(error)


def cannot_write(what: str, folder: Path, error: OSError, setting: str) -> ResourceError:
    """Return the error for a folder that cannot be written to.

    Args:
        what: What users know the folder as.
        folder: The folder.
        error: The error of the system.
        setting: The option that chooses another folder.
    """
    remedy = "make room there, or " if error.errno in FULL else ""
    return ResourceError(f"{what} {folder}: {error.strerror or error}; {remedy}choose another with {setting}")


def system_error(error: Exception) -> OSError | None:
    """Return the error of the system behind an exception; None if there is none.

    safetensors 0.8 and tokenizers 0.23, written in Rust, and torch 2.13 name its number in the text of exceptions of
    their own.

    >>> system_error(ValueError("No space left on device (os error 28)")).errno == errno.ENOSPC
    True
    >>> system_error(RuntimeError("unable to open file <a> in read-only mode: Permission denied (13)")).errno
    13
    """
    if isinstance(error, OSError):
        return error
    text = str(error)
    found = re.search(r"\(os error (\d+)\)", text) or re.search(r"^unable to open file .*\((\d+)\)$", text)
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


def one_line(error: BaseException, longest: int = 300) -> str:
    r"""Return an error as one short line.

    >>> one_line(ValueError("no\n  such thing"))
    'ValueError: no such thing'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:longest]
