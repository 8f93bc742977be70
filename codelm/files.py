"""Atomic writing of files and folders, after a crash or on a full disk with the old content; sizes and digests."""

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "existing_folder",
    "hashes",
    "left_unfinished",
    "lock_of",
    "new_file",
    "new_folder",
    "remove_unfinished",
    "size_of",
    "sync_files",
    "sync_folder",
    "write_text",
]

_UNFINISHED = re.compile(r"\.(?P<name>.+)\.\d+\.(?P<ending>tmp|old)")


def write_text(target: Path, text: str) -> None:
    """Write a file, UTF-8, in one step; its folder is made if need be.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    with new_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a name to write to; the file takes the name ``target`` when the block ends well.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    finally:  # after a kill signal as well as after an error: leave nothing half-written
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the name ``target`` when the block ends well, in place of what was there.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        sync_files(temporary)
        _replace_folder(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(target: Path, ending: str = "tmp") -> Path:
    """Return a hidden name in the same folder, and so on the same file system: only there is a rename one step."""
    return target.parent / f".{target.name}.{os.getpid()}.{ending}"


def _replace_folder(source: Path, target: Path) -> None:
    """Rename a folder over another; a rename refuses a folder that holds something, so that one steps aside first."""
    aside = _beside(target, "old")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.replace(aside)
    try:
        source.replace(target)
    except OSError:
        if aside.exists():
            aside.replace(target)
        raise
    sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half-written below a folder that nobody writes to now.

    A folder that had stepped aside for another, which did not come, is put back.
    """
    found = [(path, match) for path in folder.rglob(".*") if (match := _UNFINISHED.fullmatch(path.name))]
    for path, match in sorted(found, key=lambda each: len(each[0].parts), reverse=True):
        target = path.with_name(match["name"])
        if match["ending"] == "old" and not target.exists():
            path.replace(target)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def left_unfinished(target: Path) -> list[Path]:
    """Return what other processes, killed or still at it, have begun to write in place of ``target``."""
    beside = target.parent.glob(f".{glob.escape(target.name)}.*")
    found = [(path, _UNFINISHED.fullmatch(path.name)) for path in beside if path != _beside(target)]
    return [path for path, match in found if match and match["name"] == target.name]


@contextlib.contextmanager
def lock_of(target: Path) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not be there, once no other process holds it.

    It is a hidden file beside it, which stays: whoever waits for it has it open. The system lets go of it where a
    process ends. Where there can be none, as on a file system without locks or on a full disk, nobody waits.
    """
    with contextlib.ExitStack() as cleanup:
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            file = cleanup.enter_context((target.parent / f".{target.name}.lock").open("a"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def existing_folder(path: Path) -> Path:
    """Return a folder, or the nearest above it that is there: the disk is asked where it would be made."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def hashes(folder: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by its name there; nothing where there is no folder."""
    if folder is None or not folder.is_dir():
        return {}
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def sync_files(folder: Path) -> None:
    """Make the contents of all files below a folder durable."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can open a folder at all."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
