"""Checksums of a folder's files, in a file of their own that ``sha256sum --check`` reads as well."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["checksums", "damage", "write_checksums"]

_SUMS_FILE = "sums.txt"
_LINE = re.compile(r"[0-9a-f]{64}  ([\w.]+)")
"""A line of it: the SHA-256 of a file in hexadecimal digits, and its name."""


def write_checksums(folder: Path) -> None:
    """Write the checksums of the files that are in a folder."""
    (folder / _SUMS_FILE).write_text("\n".join([*_sums(folder), ""]), encoding="ascii")


def checksums(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the checksums of some files of a folder, as they were written, in hexadecimal digits."""
    lines = (folder / _SUMS_FILE).read_text(encoding="ascii").splitlines()
    kept = {name: digest for digest, name in (line.split("  ") for line in lines)}
    return [kept[name] for name in names]


def damage(folder: Path) -> str | None:
    """Return what of a folder is not as it was when `write_checksums` was called, None if all is.

    All bytes of the files are read: 100 MB take 0.07 s of CPU, 0.2 s without the instructions for SHA-256.
    """
    try:
        kept, found = (folder / _SUMS_FILE).read_bytes(), _sums(folder)
    except OSError as error:
        return f"{Path(error.filename or folder).name}: {error.strerror}"
    if kept == "\n".join([*found, ""]).encode():
        return None
    lines = kept.decode("ascii", "replace").split("\n")
    names = {match[1] for line in {*lines} ^ {*found} if (match := _LINE.fullmatch(line))}
    return f"not as in {_SUMS_FILE}: {', '.join(sorted(names)) or 'that file itself'}"


def _sums(folder: Path) -> list[str]:
    """Return a line for each file, in the order of their names."""
    paths = sorted(path for path in folder.iterdir() if path.name != _SUMS_FILE and not path.name.startswith("."))
    return [f"{_sha256(path)}  {path.name}" for path in paths]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
