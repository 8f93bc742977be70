"""Checks that a command's output files can be written, by writing a temporary file."""

from pathlib import Path
from tempfile import TemporaryFile

from codelm.errors import InputError

__all__ = ["refuse_file", "refuse_folder"]


def refuse_file(option: str, path: Path) -> None:
    """Raise `InputError` where the file cannot be written; its folder is made if need be."""
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; give the name of a file")
    _refuse_unwritable_folder(option, path, path.parent)


def refuse_folder(option: str, path: Path) -> None:
    """Raise `InputError` where nothing can be written to the folder, which is made if need be."""
    _refuse_unwritable_folder(option, path, path)


def _refuse_unwritable_folder(option: str, path: Path, folder: Path) -> None:
    """Raise `InputError`, naming an option and its ``path``, where nothing can be written to ``folder``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{option} {path} cannot be written: {error.strerror}; allow it, or give another") from error
