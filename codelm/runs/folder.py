"""The folder of a run: its name, a number that no other run has, and what is asked of older runs."""

import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import expanduser
from pathlib import Path

from codelm.errors import DamagedDataError, InputError, ResourceError, cannot_write

NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")
VERSION = re.compile(r"version_(\d+)")
ROOM = 4 * 2**20
"""Bytes that a disk must have left for a run to begin: events, configuration, and the adapter of a small base."""


def run_name(name: str | None, repositories: Sequence[str]) -> str:
    """Return the name a user chose, or one made from the names of the repositories.

    >>> run_name(None, ["my crate", "fd"])
    'my-crate-and-1-more'

    Raises:
        InputError: The name could lead out of the output folder, or be no folder at all.
    """
    if name is not None:
        if not NAME.fullmatch(name):
            raise InputError(f"--name {name!r} cannot name a folder: use 1 to 64 letters, digits, dots, - and _")
        return name
    first = re.sub(r"[^A-Za-z0-9._-]+", "-", repositories[0]).strip(".-")[:48] or "run"
    return first if len(repositories) == 1 else f"{first}-and-{len(repositories) - 1}-more"


@contextmanager
def claimed_folder(output: Path, name: str, checkpoint: str | None = None) -> Iterator[Path]:
    """Make the next free ``output/name/version_N`` and hand it over; take it back where the run could not begin.

    A run that goes on from a ``checkpoint`` of one of these folders goes on in that folder.

    Raises:
        InputError: The folder cannot be made.
        ResourceError: It has no room for what a run writes.
    """
    older = Path(checkpoint).resolve().parent.parent if checkpoint else None
    if older and older.parent == (output / name).resolve() and version_number(older) >= 0:
        yield output / name / older.name
        return
    new_parents = [folder for folder in (output / name, *(output / name).parents) if not folder.exists()]
    try:
        folder = next_version(output / name)
    except OSError as error:
        remove_empty(new_parents)
        raise InputError(f"output folder {output / name}: {error.strerror}; choose another with --output") from error
    try:
        require_room(folder)
        yield folder
    except InputError:
        discard_untrained(folder, "adapter", "checkpoints")
        raise
    except (DamagedDataError, ResourceError):  # the record of a run that had begun to train says what became of it
        discard_untrained(folder, "adapter", "checkpoints", "MANIFEST.json")
        raise
    finally:
        remove_empty([folder, *new_parents])


def require_room(folder: Path) -> None:
    """Raise `ResourceError` where the disk is full: later a thread of TensorBoard's would say so, at length."""
    probe = folder / ".room"
    try:
        with probe.open("wb") as file:
            file.write(bytes(ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write("output folder", folder, error, "--output") from error
    finally:
        probe.unlink(missing_ok=True)


def next_version(parent: Path) -> Path:
    """Make and return the first ``version_N`` after all others; two runs at once get different ones."""
    parent.mkdir(parents=True, exist_ok=True)
    number = max((version_number(path) for path in parent.iterdir()), default=-1) + 1
    while True:
        folder = parent / f"version_{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def version_number(path: Path) -> int:
    """Return N of ``version_N``, or -1 for any other name."""
    found = VERSION.fullmatch(path.name)
    return int(found[1]) if found else -1


def discard_untrained(folder: Path, *worth: str) -> None:
    """Remove a run's folder unless something in it is worth keeping."""
    if not any((folder / name).exists() for name in worth):
        shutil.rmtree(folder, ignore_errors=True)


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of ``folders`` that exist and hold nothing, innermost first."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def checkpoint_file(wanted: str | None, output: Path, name: str) -> str | None:
    """Return the checkpoint that ``--ckpt_path`` means: a file, or ``last`` or ``best`` of the newest run of that name.

    Raises:
        InputError: There is none; training would start from scratch without a word.
        DamagedDataError: The file is not, or no longer, a checkpoint.
    """
    if wanted is None:
        return None
    path = newest_checkpoint(wanted, output / name) if wanted in ("last", "best") else Path(expanduser(wanted))
    if path is None:
        other = {"last": "best", "best": "last"}[wanted]
        there = f"--ckpt_path {other}, which there is, or " if newest_checkpoint(other, output / name) else ""
        raise InputError(f"--ckpt_path {wanted}: no run in {output / name} has one; give {there}the file itself")
    if not path.is_file():
        raise InputError(f"--ckpt_path {path}: no such file; give a file from a run's checkpoints folder")
    if not is_whole(path):
        raise unusable(path)
    return str(path)


def is_whole(path: Path) -> bool:
    """Return whether a file is an archive, as checkpoints are, whose parts all have the sums they were written with."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # what reading damaged bytes raises has no end: BadZipFile, zlib.error, RuntimeError, ...
        return False


def unusable(path: str | Path) -> DamagedDataError:
    """Return what is said of a file that is not, or no longer, a checkpoint."""
    other = "best" if Path(path).stem == "last" else "last"
    return DamagedDataError(
        f"checkpoint {path} is damaged, or not one of codelm's; give another of the run, such as --ckpt_path {other}"
    )


def newest_checkpoint(wanted: str, runs: Path) -> Path | None:
    """Return ``last`` or ``best`` of the newest run below ``runs`` that has one."""
    for folder in sorted(runs.glob("version_*"), key=version_number, reverse=True):
        files = (folder / "checkpoints").glob("*.ckpt")
        found = [path for path in files if (path.stem == "last") == (wanted == "last")]
        if found:
            return max(found, key=lambda path: path.stat().st_mtime)
    return None
