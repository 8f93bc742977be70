"""Checks of repositories and processes, whether they are named by the command or by a program."""

import os
from collections.abc import Sequence

from codelm.errors import InputError
from codelm.git.repository import Repository, open_repository

__all__ = ["available_cores", "open_repositories", "refuse_no_repository"]


def available_cores() -> int:
    """Return on how many cores this process may run, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def refuse_no_repository(paths: Sequence[str]) -> None:
    """Raise `InputError` if no repository is named."""
    if not paths:
        raise InputError("data.repo is an empty list: give the folder of a git repository, or several")


def open_repositories(paths: Sequence[str], revision: str) -> list[Repository]:
    """Open the repositories at ``paths``, each at ``revision``; refuse an empty list, and one repository twice."""
    refuse_no_repository(paths)
    opened = [open_repository(path, revision) for path in paths]
    first: dict[str, str] = {}
    for path, repository in zip(paths, opened, strict=True):
        objects = os.path.realpath(repository.objects)
        if objects in first:
            raise InputError(f"data.repo names one repository twice, as {first[objects]} and {path}: name it once")
        first[objects] = path
    return opened
