"""Harm done to a file for a while: a byte flipped, cut off, emptied, gone, a folder in its place, another's content."""

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from codelm.errors import CodelmError, one_line

__all__ = ["HARMS", "files_of", "flipped", "harmed", "outcome"]

HARMS = ("cut", "emptied", "gone", "a folder", "of another")


@contextmanager
def flipped(file: Path, draw: random.Random) -> Iterator[str]:
    """Flip one to eight bits of a random byte of a file for a while; yield which."""
    content = file.read_bytes()
    place, bits = draw.randrange(len(content)), draw.randrange(1, 256)
    file.write_bytes(content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :])
    try:
        yield f"{file.name}, byte {place} of {len(content)}, bits {bits:02x}"
    finally:
        file.write_bytes(content)


@contextmanager
def harmed(file: Path, how: str, draw: random.Random, other: Path | None = None) -> Iterator[str]:
    """Harm a file for a while; yield how.

    Args:
        file: The file.
        how: One of `HARMS`.
        draw: Draws where it is cut.
        other: The file whose content takes its place.
    """
    content, mode = file.read_bytes(), file.stat().st_mode
    file.unlink()
    instead: Mapping[str, Callable[[], object]] = {
        "cut": lambda: file.write_bytes(content[: draw.randrange(len(content))]),
        "emptied": lambda: file.write_bytes(b""),
        "gone": lambda: None,
        "a folder": lambda: file.mkdir(),
        "of another": lambda: shutil.copy(other, file) if other else None,
    }
    instead[how]()
    try:
        yield f"{file.name} {how}"
    finally:
        shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
        file.write_bytes(content)
        file.chmod(mode)


def outcome(what: str, use: Callable[[], bool]) -> str:
    """Return nothing where something is refused in one line, or used as what it was before; else what went wrong.

    Args:
        what: What was done to it.
        use: Uses it, and returns whether it is what it was before.
    """
    try:
        return "" if use() else f"{what}: used"
    except CodelmError as error:
        return f"{what}: several lines" if "\n" in str(error) else ""
    except Exception as error:
        return f"{what}: {one_line(error, 200)}"


def files_of(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the files below a folder that hold something, or those with a name."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    return [path for path in found if not names or path.name in names]
