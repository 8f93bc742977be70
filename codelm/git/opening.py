"""Finding a repository and the commits that a revision names, with a one-line error for each way to fail."""

import configparser
import os
import re
from contextlib import suppress
from pathlib import Path

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.git.commits import Repository
from codelm.git.environment import git_variables_hidden, one_line, run_in_repository

__all__ = ["open_repository"]

_HIDDEN_NAMES = {"", ".git", ".bare"}
"""Names of folders within the one that is called after the project."""
_GENERIC_NAMES = {"git", "repo", "repository", "bare"}
"""Names of folders that may not be that of the project in them."""
_FULL_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_VERIFY = ("rev-parse", "--verify", "--quiet", "--end-of-options")
"""Resolves a single name; what follows comes from the user and is never an option."""


def open_repository(path: str | Path, revision: str = "HEAD") -> Repository:
    """Find the repository that holds ``path`` and what ``revision`` names: a commit, or a range ``A..B``.

    Raises:
        InputError: There is no such folder, repository or revision, or git does not trust the folder.
        DamagedDataError: The revision names an object that is missing or broken.
        ResourceError: Git is not installed.
    """
    if not str(path).strip():  # abspath would turn a shell's empty variable into the working directory
        raise InputError("the repository's folder has an empty name; give a folder, or . for this one")
    folder = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(folder):
        raise InputError(f"{path}: no such folder; give the folder of a git repository")
    _check_with_gitpython(folder)
    git_directory = os.path.normpath(os.path.join(folder, _rev_parse(folder, "--git-common-dir")))
    tip, base = _resolve_revision(folder, revision)
    shallow = Path(git_directory, "shallow")
    return Repository(
        path=folder,
        objects=os.path.join(git_directory, "objects"),
        object_format=_rev_parse(folder, "--show-object-format"),
        name=one_line(os.fsencode(_repository_name(folder, git_directory))),
        revision=revision,
        tip=tip,
        base=base,
        shallow=frozenset(shallow.read_text().split()) if shallow.is_file() else frozenset(),
        partial=_partial_clone_filter(folder),
    )


def _check_with_gitpython(folder: str) -> None:
    """Check with GitPython that a folder is in a repository; it reads files and runs nothing."""
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


def _rev_parse(folder: str, option: str) -> str:
    result = run_in_repository(folder, "rev-parse", option)
    if result.status:
        raise InputError(f"{folder}: git cannot read this repository: {result.stderr}")
    return result.stdout


def _repository_name(folder: str, git_directory: str) -> str:
    """Return what people call the repository: the name of its folder or, where that is generic, of its origin."""
    name = _last_name(git_directory)
    if name not in _GENERIC_NAMES:
        return name
    origin = run_in_repository(folder, "config", "--get", "remote.origin.url").stdout
    if origin:
        return _last_name(origin)
    is_bare = Path(git_directory).name not in _HIDDEN_NAMES
    return _last_name(str(Path(git_directory).parent)) if is_bare else name


def _last_name(path: str) -> str:
    """Return the last telling name of a path or an address.

    >>> [_last_name(path) for path in ("/home/ann/parser/.git", "/srv/parser.git/", "git@example.org:parser.git")]
    ['parser', 'parser', 'parser']
    """
    names = (part.removesuffix(".git") for part in reversed(re.split("[/:]", path)) if part not in _HIDDEN_NAMES)
    return next(names, "repository")


def _partial_clone_filter(folder: str) -> str | None:
    """Return which objects a partial clone leaves out, as git records it; "unknown" if it is one without a record."""
    settings = r"^(remote\..*\.(promisor|partialclonefilter)|extensions\.partialclone)$"
    lines = run_in_repository(folder, "config", "--get-regexp", settings).stdout.splitlines()
    filters = [line.partition(" ")[2] for line in lines if line.partition(" ")[0].endswith(".partialclonefilter")]
    return one_line(os.fsencode(filters[0])) if filters else "unknown" if lines else None


def _resolve_revision(folder: str, revision: str) -> tuple[str, str | None]:
    """Return the id of the commit at the end of ``revision`` and, for a range, that at its beginning."""
    if "\0" in revision or "..." in revision:
        raise InputError(
            f"data.revision {revision!r}: neither a commit nor a range; give a name, an id, or a range A..B"
        )
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
            return InputError(f"data.revision {name!r} is a {kind.stdout} in {folder}; give a commit, branch or tag")
        return DamagedDataError(f"{folder}: {name} is {unpeeled.stdout}, which cannot be read; run git fsck there")
    if not run_in_repository(folder, "for-each-ref", "--count=1").stdout:
        return InputError(f"{folder}: no commits yet; commit something first")
    if name == "HEAD":
        return InputError(
            f"{folder}: HEAD does not point to a commit that exists; give --data.revision, or check one out"
        )
    remedy = "list them with git branch --all and git tag, or give an id"
    if _FULL_ID.fullmatch(name):  # rarely typed by hand: a run's config.yaml records the commit it read
        remedy = "give one of this repository; where a run's config.yaml names it: add --data.revision HEAD"
    return InputError(f"no revision {name!r} in {folder}; {remedy}")
