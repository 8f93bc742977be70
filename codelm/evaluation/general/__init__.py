"""General code, none of it the repository's: what a tuned model must still be able to read.

`texts` are programs of many kinds, written for this package and copied from nowhere. `local` adds standard-library
sources of this machine, where there are any; they differ from one version to the next, and most bases have seen them.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

OWN = Path(__file__).parent
SUFFIXES = {"rust": ".rs", "python": ".py"}
BYTES = 60_000
"""How much of a standard library is enough."""
LEAST, MOST = 2_000, 16_000
"""Sizes of the files taken from it, in bytes: no stubs, and no single file that is most of the sample."""
LEFT_OUT = frozenset({"encodings", "pydoc_data", "unicode", "test", "tests", "benches"})
"""Folders and files of data in the form of code, and of tests, which repeat themselves."""


@dataclass(frozen=True, slots=True)
class Text:
    """One file of general code.

    Attributes:
        name: its path within its source, with ``/``.
        language: "rust" or "python".
        source: where it comes from: "own rust", "python standard library".
        text: what it holds.
    """

    name: str
    language: str
    source: str
    text: str


def texts() -> list[Text]:
    """Return the programs that travel in the package, about 66 kB, in a fixed order.

    >>> sorted({text.source for text in texts()})
    ['own python', 'own rust']
    """
    return [
        Text(path.name, language, f"own {language}", path.read_text("utf-8"))
        for language, suffix in SUFFIXES.items()
        for path in sorted((OWN / language).glob(f"*{suffix}"))
    ]


def local(*, rust: Path | None = None, python: Path | None = None, limit: int = BYTES) -> list[Text]:
    """Return standard-library sources of this machine, at most ``limit`` bytes a language; none where there are none.

    Args:
        rust: the folder that holds ``core`` and ``std``; None looks for the component rust-src of a toolchain.
        python: the folder that holds the modules; None is that of the running interpreter.
        limit: bytes a language.
    """
    rust = rust or rust_library()
    python = python or Path(sysconfig.get_path("stdlib"))
    found = {"rust": (rust, rust_files(rust)) if rust else None, "python": (python, python_files(python))}
    return [
        Text(name, language, f"{language} standard library", text)
        for language, place in found.items()
        if place
        for name, text in sample(*place, limit)
    ]


def rust_library() -> Path | None:
    """Return the sources of an installed Rust, of "stable" before "nightly" before a version; None where none are."""
    rustup = Path(os.environ.get("RUSTUP_HOME") or os.path.expanduser("~/.rustup"))
    prefixes = [Path("/usr"), *sorted(rustup.glob("toolchains/*"))]
    libraries = [prefix / "lib/rustlib/src/rust/library" for prefix in prefixes]
    return next((library for library in reversed(libraries) if library.is_dir()), None)


def rust_files(library: Path) -> Iterator[Path]:
    """Yield the sources of the three crates that are Rust's own; what lies beside them is vendored or generated."""
    for crate in ("alloc", "core", "std"):
        yield from (library / crate / "src").rglob("*.rs")


def python_files(library: Path) -> Iterator[Path]:
    """Yield the modules, also those of packages, that belong to the language and not to ``site-packages``."""
    for path in [*library.glob("*.py"), *library.glob("*/*.py")]:
        if path.relative_to(library).parts[0].removesuffix(".py") in sys.stdlib_module_names:
            yield path


def sample(root: Path, paths: Iterable[Path], limit: int) -> Iterator[tuple[str, str]]:
    """Yield name and text of files of middling size, at most ``limit`` bytes together.

    They come in the order of their names' hashes: spread over the whole, and a file that a new version brings takes
    the place of few others.
    """
    names = {path.relative_to(root).as_posix(): path for path in paths}
    wanted = [name for name in names if not LEFT_OUT & set(name.removesuffix(".rs").split("/"))]
    for name in sorted(wanted, key=lambda name: sha256(name.encode()).digest()):
        text = read(names[name]) if limit >= LEAST else ""
        size = len(text.encode())
        if LEAST <= size <= min(MOST, limit):
            limit -= size
            yield name, text


def read(path: Path) -> str:
    """Return the text of a file; nothing of one that is not to be read, or not UTF-8."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
