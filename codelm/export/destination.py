"""The folder that an export or a dataset is written to: whole or not at all, and never over something else."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from codelm.errors import CodelmError, InputError, ResourceError, cannot_write, system_error
from codelm.files import existing_folder, left_unfinished, new_folder

__all__ = ["DATASET", "EXPORT", "RECORD", "Kind", "new_export", "refuse_full_disk", "refuse_taken", "refuse_unwritable"]


class Kind(NamedTuple):
    """What is in a folder, by which it may be replaced by another of its kind.

    Attributes:
        noun: What users know it as.
        article: Of the noun.
        record: The file by which it is known as such.
        key: A key of that file.
    """

    noun: str
    article: str
    record: str
    key: str


EXPORT = Kind("export", "an", "export.json", "codelm_export")
DATASET = Kind("dataset", "a", "dataset.json", "codelm_dataset")
RECORD = EXPORT.record
log = logging.getLogger(__name__)

_SPARE_BYTES = 64 * 2**20
"""What a disk has to have left beside the weights: tokenizer, card and what others write meanwhile."""


def refuse_taken(folder: Path, *, force: bool, kind: Kind = EXPORT) -> None:
    """Raise `InputError` where a folder holds something, unless that is of the ``kind`` and may be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_of(kind, folder):
        raise InputError(f"{folder} is there, and no {kind.noun} of codelm: give another folder with --to")
    if not force:
        held = f"{kind.article} {kind.noun}"
        raise InputError(f"{folder} holds {held}: replace it with --force, or give another folder with --to")


def refuse_unwritable(folder: Path, *, kind: Kind = EXPORT) -> None:
    """Raise `ResourceError` where a folder cannot be made, before the minutes that its content may take."""
    above = next(each for each in folder.absolute().parents if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        what = "cannot be written to" if above.is_dir() else "is no folder"
        raise ResourceError(f"{kind.noun} folder {folder}: {above} {what}; choose another with --to")


def refuse_full_disk(folder: Path, size: int) -> None:
    """Raise `ResourceError` where the disk of a folder, which need not be there, has no ``size`` bytes left."""
    free = shutil.disk_usage(existing_folder(folder)).free
    if free < size + _SPARE_BYTES:
        raise ResourceError(
            f"{folder}: {free / 1e9:.2f} GB are free and {(size + _SPARE_BYTES) / 1e9:.2f} needed; make room there, or"
            " choose another with --to"
        )


@contextmanager
def new_export(folder: Path, *, force: bool, kind: Kind = EXPORT) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` when the block ends well.

    Raises:
        InputError: Something else has taken that place.
        ResourceError: It cannot be written.
    """
    for left in left_unfinished(folder):
        log.warning("%s was left by a command that was killed: remove it, unless another one is writing there", left)
    try:
        with new_folder(folder) as unfinished:
            yield unfinished
            refuse_taken(folder, force=force, kind=kind)  # minutes have passed since it was asked
    except CodelmError:
        raise
    except Exception as error:
        of_system = system_error(error)
        if of_system is None:
            raise
        raise cannot_write(f"{kind.noun} folder", folder, of_system, "--to") from error


def _is_of(kind: Kind, folder: Path) -> bool:
    try:
        return kind.key in json.loads((folder / kind.record).read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False
