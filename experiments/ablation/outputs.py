"""Whether what a command leaves behind can be written, found out by writing."""

from pathlib import Path
from tempfile import TemporaryFile

from codelm.errors import InputError


def refuse_file(option: str, path: Path) -> None:
    """Raise `InputError` where no file of that name can be written; its folder is made if need be."""
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; give the name of a file")
    refuse(option, path, path.parent)


def refuse_folder(option: str, path: Path) -> None:
    """Raise `InputError` where nothing can be written to the folder, which is made if need be."""
    refuse(option, path, path)


def refuse(option: str, path: Path, folder: Path) -> None:
    """Raise `InputError` where ``path`` cannot be, because nothing can be written to ``folder``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{option} {path} cannot be written: {error.strerror}; allow it, or give another") from error
