"""Finding a repository and the commits that a revision names, with a one-line error for each way to fail."""

import configparser
import os
import re
from contextlib import suppress
from pathlib import Path

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.git.environment import git_variables_hidden, one_line, run_in_repository

__all__ = ["check_with_gitpython", "repository_name", "resolve_revision", "rev_parse", "shallow_commits"]

_GENERIC_NAMES = {".git", "repo", "repository", "git", "bare", ""}
"""Names of folders that do not name the project in them."""

_FULL_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""A full object id, SHA-1 or SHA-256."""

_VERIFY = ("rev-parse", "--verify", "--quiet", "--end-of-options")
"""Resolves a single name; what follows comes from the user and is never an option."""


def check_with_gitpython(folder: str) -> None:
    """Check with GitPython that a folder is in a repository; it reads files and runs nothing.

    Raises:
        InputError: It is not.
        ResourceError: Git is not installed.
    """
    try:
        from git import InvalidGitRepositoryError, Repo
    except ImportError as error:
        raise ResourceError("git cannot be run; install git and put it on the PATH") from error
    try:
        # Other errors, as of a broken configuration, are left to git, whose messages are better.
        with git_variables_hidden(), suppress(OSError, ValueError, configparser.Error):
            Repo(folder, search_parent_directories=True, expand_vars=False).close()
    except InvalidGitRepositoryError:
        raise InputError(f"{folder}: not a git repository; give the folder that contains .git") from None


def rev_parse(folder: str, option: str) -> str:
    """Return what ``git rev-parse`` prints for one of its own options.

    Raises:
        InputError: Git cannot open the repository.
    """
    result = run_in_repository(folder, "rev-parse", option)
    if result.status:
        raise InputError(f"{folder}: git cannot read this repository: {result.stderr}")
    return result.stdout


def repository_name(git_directory: str) -> str:
    """Return what people call the repository: the last folder of its path with a telling name.

    >>> [repository_name(path) for path in ("/home/ann/parser/.git", "/srv/parser.git", "/mirror/parser/repo")]
    ['parser', 'parser', 'parser']
    """
    names = (part.removesuffix(".git") for part in reversed(Path(git_directory).parts[1:]))
    return one_line(os.fsencode(next((name for name in names if name not in _GENERIC_NAMES), "repository")))


def shallow_commits(file: Path) -> frozenset[str]:
    """Return the ids of the commits at which a shallow clone ends, from its file ``shallow``."""
    return frozenset(file.read_text().split()) if file.is_file() else frozenset()


def resolve_revision(folder: str, revision: str) -> tuple[str, str | None]:
    """Return the id of the commit at the end of ``revision`` and, for a range, that at its beginning.

    Raises:
        InputError: The revision names no commit and no range.
        DamagedDataError: It names an object that cannot be read.
    """
    if "\0" in revision or "..." in revision:
        raise InputError(f"revision {revision!r}: neither a commit nor a range; give a name, an id, or a range A..B")
    base, dots, tip = revision.rpartition("..")
    if not dots:
        return _commit_id(folder, tip), None
    return _commit_id(folder, tip or "HEAD"), _commit_id(folder, base or "HEAD")


def _commit_id(folder: str, name: str) -> str:
    result = run_in_repository(folder, *_VERIFY, name + "^{commit}")
    if result.status == 0 and result.stdout.isalnum():  # for the name "^A" git prints an id after "^"
        return result.stdout
    raise _revision_error(folder, name)


def _revision_error(folder: str, name: str) -> InputError | DamagedDataError:
    """Return why a name is not that of a commit."""
    unpeeled = run_in_repository(folder, *_VERIFY, name)
    if unpeeled.status == 0 and unpeeled.stdout.isalnum() and unpeeled.stdout != name:
        kind = run_in_repository(folder, "cat-file", "-t", unpeeled.stdout)
        if kind.status == 0:
            return InputError(f"revision {name!r} is a {kind.stdout} in {folder}; give a commit, branch or tag")
        return DamagedDataError(f"{folder}: {name} is {unpeeled.stdout}, which cannot be read; run git fsck there")
    if not run_in_repository(folder, "for-each-ref", "--count=1").stdout:
        return InputError(f"{folder}: no commits yet; commit something first")
    if name == "HEAD":
        return InputError(f"{folder}: HEAD does not point to a commit that exists; name a revision, or check one out")
    remedy = "list them with git branch --all and git tag, or give an id"
    if _FULL_ID.fullmatch(name):  # rarely typed by hand: a run's config.yaml records the commit it read
        remedy = "give one of this repository; where a run's config.yaml names it: add --data.revision HEAD"
    return InputError(f"no revision {name!r} in {folder}; {remedy}")
