"""Summary of a repository: languages, sizes, the extent of its history, and the configuration that fits it."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from codelm.git.commits import File

__all__ = ["analyse", "language"]

_LANGUAGES = {
    "Assembly": "s asm",
    "C": "c h",
    "C#": "cs",
    "C++": "cc cpp cxx hh hpp hxx",
    "Clojure": "clj cljs",
    "CUDA": "cu cuh",
    "Dart": "dart",
    "Elixir": "ex exs",
    "Erlang": "erl hrl",
    "Go": "go",
    "Haskell": "hs",
    "Java": "java",
    "JavaScript": "js jsx mjs cjs",
    "Julia": "jl",
    "Kotlin": "kt kts",
    "Lua": "lua",
    "Nix": "nix",
    "Objective-C": "m mm",
    "OCaml": "ml mli",
    "Perl": "pl pm",
    "PHP": "php",
    "Python": "py pyi",
    "R": "r",
    "Ruby": "rb",
    "Rust": "rs",
    "Scala": "scala sc",
    "Shell": "sh bash zsh fish",
    "SQL": "sql",
    "Swift": "swift",
    "TypeScript": "ts tsx",
    "Zig": "zig",
}
_OTHERS = {
    "CSS": "css scss less",
    "HTML": "html htm",
    "JSON": "json",
    "Markdown": "md markdown",
    "Protocol Buffers": "proto",
    "reStructuredText": "rst",
    "TOML": "toml",
    "XML": "xml svg",
    "YAML": "yml yaml",
}
_BY_EXTENSION = {
    extension: language for language, names in {**_LANGUAGES, **_OTHERS}.items() for extension in names.split()
}
_UNKNOWN = "other"


def analyse(
    files: Iterable[File],
    *,
    commits: int | None = None,
    commits_read: int | None = None,
    authors: int | None = None,
    first_time: int | None = None,
    last_time: int | None = None,
) -> dict[str, Any]:
    """Describe a repository in values that JSON can hold.

    Args:
        files: The tree to describe, such as that of the newest commit; files without text are not counted.
        commits: Number of commits of the history.
        commits_read: Number of the commits that were read; the other three arguments are about these.
        authors: Number of authors.
        first_time: Time of the oldest commit, in seconds since 1970.
        last_time: Time of the newest commit, in seconds since 1970.

    Returns:
        ``languages`` (the largest first, each with ``files``, ``bytes`` and ``share`` of all bytes), ``files``,
        ``bytes``, ``recommended_config``, and, where given, ``commits`` and below ``commits_read`` the ``count``,
        ``authors``, ``first_date`` and ``last_date`` (ISO 8601, left out where the calendar has no such day).
    """
    counts, sizes = _by_language(files)
    read = {"count": commits_read, "authors": authors, "first_date": _date(first_time), "last_date": _date(last_time)}
    given = {"commits": commits, "commits_read": _without_none(read) or None}
    total = sizes.total()
    return {
        "languages": {
            name: {"files": counts[name], "bytes": size, "share": round(size / max(1, total), 4)}
            for name, size in sizes.most_common()
        },
        "files": counts.total(),
        "bytes": total,
        "recommended_config": _recommended_config(sizes),
        **_without_none(given),
    }


def language(path: str) -> str:
    """Return the language of a file by its extension.

    >>> language("src/lib.rs"), language("Makefile")
    ('Rust', 'other')
    """
    return _BY_EXTENSION.get(PurePosixPath(path).suffix[1:].lower(), _UNKNOWN)


def _recommended_config(sizes: Counter[str]) -> str:
    """Return the shipped configuration that fits a repository, by its number of bytes in each language.

    Only programming languages are compared: a large changelog does not make a Markdown project.
    """
    largest = max((name for name in sizes if name in _LANGUAGES), key=lambda name: sizes[name], default="")
    return "configs/rust.yaml" if largest == "Rust" else "configs/default.yaml"


def _by_language(files: Iterable[File]) -> tuple[Counter[str], Counter[str]]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in files:
        if file.text is not None:
            counts[language(file.path)] += 1
            sizes[language(file.path)] += len(file.text.encode(errors="replace"))
    return counts, sizes


def _without_none(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _date(time: int | None) -> str | None:
    try:
        return None if time is None else datetime.fromtimestamp(time, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None
