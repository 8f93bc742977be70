"""Finding a repository and what a revision means in it, or saying in one line why not."""

import configparser
import os
import re
from contextlib import suppress
from pathlib import Path

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.git.environment import Answer, ask, one_line, scrubbed

PLAIN_NAMES = {".git", "repo", "repository", "git", "bare", ""}
"""Names of folders that say nothing of what is in them."""

COMMIT_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""An id in full, as of SHA-1 or SHA-256."""


def open_with_gitpython(folder: str) -> None:
    """Let GitPython look for the repository; it reads files and runs nothing. From then on git's own word counts."""
    try:
        from git import InvalidGitRepositoryError, Repo
    except ImportError as error:
        raise ResourceError("git cannot be run; install git and put it on the PATH") from error
    try:
        # What it stumbles over in a broken configuration, git says better.
        with scrubbed(), suppress(OSError, ValueError, configparser.Error):
            Repo(folder, search_parent_directories=True, expand_vars=False).close()
    except InvalidGitRepositoryError:
        raise InputError(f"{folder}: not a git repository; give the folder that contains .git") from None


def fact(folder: str, word: str) -> str:
    """Return what ``git rev-parse`` says to ``word``, one of its own options."""
    answer = ask(folder, "rev-parse", word)
    if answer.status:
        raise InputError(f"{folder}: git cannot read this repository: {answer.complaint}")
    return answer.text


def name_of(common: str) -> str:
    """Return what people call the repository: the last folder of its path that says something.

    >>> [name_of(common) for common in ("/home/ann/parser/.git", "/srv/parser.git", "/mirror/parser/repo")]
    ['parser', 'parser', 'parser']
    """
    names = (part.removesuffix(".git") for part in reversed(Path(common).parts[1:]))
    return one_line(os.fsencode(next((name for name in names if name not in PLAIN_NAMES), "repository")))


def cut_off(file: Path) -> frozenset[str]:
    """Return the commits at which a shallow clone ends."""
    return frozenset(file.read_text().split()) if file.is_file() else frozenset()


def resolve(folder: str, revision: str) -> tuple[str, str | None]:
    """Return the commits at the end of ``revision`` and, for a range, at its beginning."""
    if "\0" in revision or "..." in revision:
        raise InputError(f"revision {revision!r}: neither a commit nor a range; give a name, an id, or a range A..B")
    base, dots, tip = revision.rpartition("..")
    if not dots:
        return _commit(folder, tip), None
    return _commit(folder, tip or "HEAD"), _commit(folder, base or "HEAD")


def _commit(folder: str, name: str) -> str:
    """Return the id of the commit that a single name means; the name is the user's, and never an option."""
    answer = ask(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
    if answer.status == 0 and answer.text.isalnum():  # "^A" is an answer too
        return answer.text
    raise _why_not(folder, name, ask(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", name))


def _why_not(folder: str, name: str, unpeeled: Answer) -> InputError | DamagedDataError:
    if unpeeled.status == 0 and unpeeled.text.isalnum() and unpeeled.text != name:
        kind = ask(folder, "cat-file", "-t", unpeeled.text)
        if kind.status == 0:
            return InputError(f"revision {name!r} is a {kind.text} in {folder}; give a commit, branch or tag")
        return DamagedDataError(f"{folder}: {name} is {unpeeled.text}, which cannot be read; run git fsck there")
    if not ask(folder, "for-each-ref", "--count=1").text:
        return InputError(f"{folder}: no commits yet; commit something first")
    if name == "HEAD":
        return InputError(f"{folder}: HEAD does not point to a commit that exists; name a revision, or check one out")
    remedy = "list them with git branch --all and git tag, or give an id"
    if COMMIT_ID.fullmatch(name):  # hardly typed by hand: a run records the commit it read, and replays it
        remedy = "give one of this repository; where a run's config.yaml names it: add --data.revision HEAD"
    return InputError(f"no revision {name!r} in {folder}; {remedy}")
