"""The environment in which git runs: only the objects of a repository decide what is read from it.

The same history must give the same data on every machine, and reading must never run what a repository brings along.
So git runs in the user's repository only to look up names (`run_in_repository`), with commands that execute nothing.
All else is read through a temporary bare repository that shares its objects (`isolated_git`): there, no
configuration, hooks, attributes, grafts, replacements, index or work tree have an effect.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codelm.errors import ResourceError
from codelm.git.commits import Repository

__all__ = [
    "git_start_errors",
    "git_variables_hidden",
    "git_version",
    "isolated_git",
    "one_line",
    "run_git",
    "run_in_repository",
]

_CONFIG = """\
[core]
	repositoryformatversion = 1
	bare = true
	bigFileThreshold = {limit}
	packedGitWindowSize = 32m
	packedGitLimit = 256m
	commitGraph = false
	attributesFile = {nothing}
	hooksPath = {nothing}
[extensions]
	objectFormat = {repository.object_format}
[mailmap]
	blob = {repository.tip}:.mailmap
	file = {nothing}
[advice]
	graftFileDeprecated = false
"""
_NO_REPOSITORY = Repository("", os.sep, "sha1", "", "", "0" * 40, None, frozenset(), None)


@dataclass(frozen=True, slots=True)
class _GitResult:
    """Exit status and output of a git command that has ended."""

    status: int
    stdout: str
    """Without the last line end."""
    stderr: str
    """As one line, safe to print."""


def _git_environment() -> dict[str, str]:
    """Return the environment of every git process: no ``GIT_*`` of the user, no configuration, network or prompt."""
    return _user_environment() | {
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _user_environment() -> dict[str, str]:
    """Return the environment of this process without its ``GIT_*`` variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


@contextmanager
def git_variables_hidden() -> Iterator[None]:
    """Hide the user's ``GIT_*`` variables from a library that reads them in this process."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("GIT_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def run_in_repository(folder: str, *arguments: str) -> _GitResult:
    """Run a short git command in the user's folder, trusting it as far as the user does (``safe.directory``)."""
    settings = ["core.fsmonitor=false", f"core.hooksPath={os.devnull}", "advice.graftFileDeprecated=false"]
    settings += [f"safe.directory={folder}" for folder in _trusted_folders()]
    options = [option for setting in settings for option in ("-c", setting)]
    return run_git(["git", "--no-pager", *options, "-C", folder, *arguments], _git_environment())


def _trusted_folders() -> list[str]:
    """Return the folders that settings declare safe, which `_git_environment` hides."""
    commands = (["git", "config", scope, "--get-all", "safe.directory"] for scope in ("--system", "--global"))
    return [line for command in commands for line in run_git(command, _user_environment()).stdout.splitlines()]


def run_git(command: Sequence[str], environment: Mapping[str, str]) -> _GitResult:
    """Run a git command to its end.

    Raises:
        ResourceError: Git is not installed.
    """
    with git_start_errors():
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, cwd="/")
    return _GitResult(done.returncode, os.fsdecode(done.stdout).removesuffix("\n"), one_line(done.stderr))


def git_version() -> str:
    """Return the version of git, such as "2.39.5"."""
    return run_git(["git", "version"], _git_environment()).stdout.removeprefix("git version ")


@contextmanager
def git_start_errors() -> Iterator[None]:
    """Turn the failure to start a git process into a `ResourceError`."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"cannot start git: {error.strerror}; install git and put it on the PATH") from error


def one_line(output: bytes) -> str:
    r"""Return what git printed as a single line that is safe to print.

    >>> one_line(b"fatal: bad object\n\nhint: \x1b[31mred\n")
    'fatal: bad object; hint: ?[31mred'
    """
    lines = (line.strip() for line in output.decode("utf-8", "replace").splitlines())
    text = "; ".join(line for line in lines if line)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@contextmanager
def isolated_git(repository: Repository | None, max_file_bytes: int) -> Iterator[dict[str, str]]:
    """Make a temporary git directory that shares the objects of a repository; yield the environment that selects it.

    Authors' names are corrected by the ``.mailmap`` of the tip; of files above ``max_file_bytes`` git makes no patch.

    Raises:
        ResourceError: No temporary folder can be made.
    """
    repository = repository or _NO_REPOSITORY
    config = _CONFIG.format(limit=max(0, max_file_bytes), repository=repository, nothing=os.devnull)
    try:
        temporary = tempfile.TemporaryDirectory(prefix="codelm-")
    except OSError as error:
        raise ResourceError(f"no temporary folder: {error}; set TMPDIR to a folder that can be written") from error
    with temporary as folder:
        Path(folder, "refs").mkdir()
        Path(folder, "HEAD").write_text("ref: refs/heads/none\n")
        Path(folder, "config").write_text(config)
        Path(folder, "shallow").write_text("".join(f"{sha}\n" for sha in repository.shallow))
        own = dict.fromkeys(("GIT_DIR", "HOME", "XDG_CONFIG_HOME"), folder)
        yield _git_environment() | own | {"GIT_OBJECT_DIRECTORY": repository.objects}
