"""Repositories made from lists of commits by ``git fast-import``: any bytes as names, contents and messages."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FIRST_SECOND", "IDENTITY", "Commit", "Content", "git_environment", "make_repository", "run_git"]

IDENTITY = "Ann Author <ann@example.org>"
FIRST_SECOND = 1_700_000_000

Content = str | bytes | None
"""Of a file; None deletes it."""
Files = Mapping[Any, Content]
"""By their paths, text or bytes."""
Commit = Files | tuple[Files, Mapping[str, Any]]
"""The files that a commit changes; or a pair of them and its options, see `make_repository`."""


def git_environment() -> dict[str, str]:
    """Return the surroundings of a git of our own: no settings but ours, and time stands still."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    nobody = {
        "GIT_AUTHOR_NAME": "Ann Author",
        "GIT_AUTHOR_EMAIL": "ann@example.org",
        "GIT_AUTHOR_DATE": "1700000000 +0000",
    }
    nobody |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in nobody.items()}
    return kept | nobody | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def run_git(folder: Path | str, *words: str | Path, stdin: bytes = b"", check: bool = True) -> str:
    """Run git in a folder and return what it says; where it fails that is an error, unless it is not to ``check``."""
    command = ["git", "-C", folder, *words]
    done = subprocess.run(command, env=git_environment(), input=stdin, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return os.fsdecode(done.stdout).strip()


def make_repository(
    folder: Path, commits: Sequence[Commit], *, bare: bool = False, object_format: str = "sha1", marks: str = ""
) -> Path:
    """Make a repository from a list of commits and return its folder; nothing is checked out.

    A commit is ``{path: text, bytes, or None to delete}``, or a pair of that and its options: ``message`` and
    ``author`` ("Name <mail>"; text or bytes), ``time`` (seconds), ``parents`` (numbers of earlier commits; by default
    the one before), ``modes`` ({path: "100755", "120000" for a link, "160000" for a submodule}). Paths may be bytes.

    Args:
        folder: Where it is made.
        commits: The commits, on the branch main.
        bare: Whether it has no work tree.
        object_format: The hash of its objects, sha1 or sha256.
        marks: A file in the folder that gets the number of each commit, from 1, and its id.
    """
    folder.mkdir(parents=True)
    kind = ["--bare"] if bare else []
    run_git(folder, "init", "-q", "--template=", "-b", "main", f"--object-format={object_format}", *kind)
    pairs: list[tuple[Files, Mapping[str, Any]]] = [each if isinstance(each, tuple) else (each, {}) for each in commits]
    stream = b"".join(_written(number, *pair) for number, pair in enumerate(pairs))
    words = ["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--force", "--date-format=raw-permissive"]
    run_git(folder, *words, *([f"--export-marks={folder / marks}"] if marks else []), stdin=stream)
    return folder


def _written(number: int, files: Files, options: Mapping[str, Any]) -> bytes:
    """Return one commit in the language of git fast-import."""
    author = _as_bytes(options.get("author", IDENTITY))
    time = b"%d +0000" % options.get("time", FIRST_SECOND + number)
    parents = options.get("parents", [number - 1] if number else [])
    modes = options.get("modes", {})
    lines = [b"reset refs/heads/main\n"] if not parents else []
    lines += [b"commit refs/heads/main\nmark :%d\n" % (number + 1)]
    lines += [b"%s %s %s\n" % (who, author, time) for who in (b"author", b"committer")]
    lines += [_data(options.get("message", f"Commit {number}"))]
    words = zip([b"from", *[b"merge"] * 9], parents, strict=False)
    lines += [b"%s :%d\n" % (word, parent + 1) for word, parent in words]
    lines += [_changed(path, content, modes.get(path, "100644")) for path, content in files.items()]
    return b"".join(lines) + b"\n"


def _changed(path: str | bytes, content: Content, mode: str) -> bytes:
    if content is None:
        return b"D %s\n" % _quoted(path)
    if mode == "160000":
        return b"M %s %s %s\n" % (mode.encode(), _as_bytes(content), _quoted(path))
    return b"M %s inline %s\n%s" % (mode.encode(), _quoted(path), _data(content))


def _quoted(path: str | bytes) -> bytes:
    return b'"' + _as_bytes(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def _data(content: str | bytes) -> bytes:
    return b"data %d\n%s\n" % (len(_as_bytes(content)), _as_bytes(content))


def _as_bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else os.fsencode(content)
