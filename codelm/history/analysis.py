"""Summary of a repository: languages, sizes, the extent of its history, and the configuration that fits it."""

from collections import Counter
from collections.abc import Iterable, Sequence
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

_MOST = 0.7
"""The share of the code above which a repository is one in Rust."""


def analyse(files: Iterable[File], commits: int, authors: int, times: Sequence[int]) -> dict[str, Any]:
    """Describe a repository in values that JSON can hold.

    Args:
        files: The tree to describe, such as that of the newest commit; files without text are not counted.
        commits: Number of commits of the history.
        authors: Number of authors of the commits that were read.
        times: When each of those was written, in seconds since 1970.

    Returns:
        ``languages`` (the largest first, each with ``files``, ``bytes`` and ``share`` of all bytes), ``files``,
        ``bytes``, ``rust_share_of_code`` in bytes of programming languages, ``recommended_config``, ``commits``, and
        below ``commits_read`` the ``count``, ``authors``, ``first_date`` and ``last_date`` (ISO 8601, left out where
        the calendar has no such day).
    """
    counts, sizes = _by_language(files)
    dates = {"first_date": min(times, default=None), "last_date": max(times, default=None)}
    total = sizes.total()
    return {
        "languages": {
            name: {"files": counts[name], "bytes": size, "share": round(size / max(1, total), 4)}
            for name, size in sizes.most_common()
        },
        "files": counts.total(),
        "bytes": total,
        "rust_share_of_code": round(_rust_share(sizes), 4),
        "recommended_config": "configs/rust.yaml" if _rust_share(sizes) > _MOST else "configs/default.yaml",
        "commits": commits,
        "commits_read": {
            "count": len(times),
            "authors": authors,
            **{name: date for name, time in dates.items() if (date := _date(time))},
        },
    }


def language(path: str) -> str:
    """Return the language of a file by its extension, or "other"."""
    return _BY_EXTENSION.get(PurePosixPath(path).suffix[1:].lower(), _UNKNOWN)


def _rust_share(sizes: Counter[str]) -> float:
    """Return the share of Rust in the bytes of all programming languages: a large changelog is no code."""
    return sizes["Rust"] / max(1, sum(size for name, size in sizes.items() if name in _LANGUAGES))


def _by_language(files: Iterable[File]) -> tuple[Counter[str], Counter[str]]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in files:
        if file.text is not None:
            counts[language(file.path)] += 1
            sizes[language(file.path)] += len(file.text.encode(errors="replace"))
    return counts, sizes


def _date(time: int | None) -> str | None:
    try:
        return None if time is None else datetime.fromtimestamp(time, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None
