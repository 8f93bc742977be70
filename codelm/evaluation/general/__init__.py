"""General code in Rust and Python, none of it the repository's, on which forgetting is measured.

`own_texts` are programs of many kinds, written for this package. `library_texts` adds sources of the standard
libraries that are installed; they differ from one version to the next, and most base models have been trained on them.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from codelm.metrics.syntax.trees import GRAMMARS

__all__ = ["FOLDER", "Text", "library_texts", "own_texts", "rust_library"]

FOLDER = Path(__file__).parent
_LIBRARY_BYTES = 60_000
"""Bytes that are taken from a standard library."""
_MIN_BYTES, _MAX_BYTES = 2_000, 16_000
"""Sizes of the files taken from it: no stubs, and no single file that is most of the selection."""
_EXCLUDED = frozenset({"encodings", "pydoc_data", "unicode", "test", "tests", "benches"})
"""Folders and files of data in the form of code, and of tests, which repeat themselves."""


@dataclass(frozen=True, slots=True)
class Text:
    """One file of general code: its path in its source, "rust" or "python", and "own rust" or the like as source."""

    name: str
    language: str
    source: str
    text: str


def own_texts() -> list[Text]:
    """Return the programs that are part of the package, about 66 kB, in a fixed order."""
    return [
        Text(path.name, language, f"own {language}", path.read_text("utf-8"))
        for language in GRAMMARS
        for path in sorted((FOLDER / language).glob("*.*"))
    ]


def library_texts(*, rust: Path | None = None, python: Path | None = None, limit: int = _LIBRARY_BYTES) -> list[Text]:
    """Return sources of the standard libraries, at most ``limit`` bytes of each language.

    They are taken from the folders given, of Rust's crates and Python's modules, or from where they are installed.
    """
    rust = rust or rust_library()
    python = python or Path(sysconfig.get_path("stdlib"))
    libraries = [("python", python, _python_files(python))]
    if rust:
        libraries.insert(0, ("rust", rust, _rust_files(rust)))
    return [
        Text(name, language, f"{language} standard library", text)
        for language, folder, paths in libraries
        for name, text in _select_files(folder, paths, limit)
    ]


def rust_library() -> Path | None:
    """Return the sources of an installed Rust: "stable" before "nightly" before a version; None if there are none."""
    rustup = Path(os.environ.get("RUSTUP_HOME") or Path("~/.rustup").expanduser())
    prefixes = [Path("/usr"), *sorted(rustup.glob("toolchains/*"))]
    libraries = [prefix / "lib/rustlib/src/rust/library" for prefix in prefixes]
    return next((library for library in reversed(libraries) if library.is_dir()), None)


def _rust_files(library: Path) -> Iterator[Path]:
    """Yield the sources of Rust's three own crates; the folders beside them are vendored or generated."""
    for crate in ("alloc", "core", "std"):
        yield from (library / crate / "src").rglob("*.rs")


def _python_files(library: Path) -> Iterator[Path]:
    """Yield the modules of the standard library, also those in its packages, without ``site-packages``."""
    for path in [*library.glob("*.py"), *library.glob("*/*.py")]:
        if path.relative_to(library).parts[0].removesuffix(".py") in sys.stdlib_module_names:
            yield path


def _select_files(root: Path, paths: Iterable[Path], limit: int) -> Iterator[tuple[str, str]]:
    """Yield name and text of files of middling size, at most ``limit`` bytes together, ordered by hashes of names.

    So they are spread over the library, and a file that is new in a version changes little of the selection.
    """
    names = {path.relative_to(root).as_posix(): path for path in paths}
    wanted = [name for name in names if not _EXCLUDED & set(name.removesuffix(".rs").split("/"))]
    for name in sorted(wanted, key=lambda name: sha256(name.encode()).digest()):
        text = _read(names[name]) if limit >= _MIN_BYTES else ""
        size = len(text.encode())
        if _MIN_BYTES <= size <= min(_MAX_BYTES, limit):
            limit -= size
            yield name, text


def _read(path: Path) -> str:
    """Return the text of a file, or "" if it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
