"""Running git so that only the objects of a repository can reach the result.

The same history must give the same data whoever reads it, and reading must never run what a repository brings along.
So the user's repository is asked for names only (`ask`), by commands that run nothing, in an environment without the
user's settings. Everything else is read through a *keyhole*: a bare git folder of our own, made for the occasion, that
shares the repository's objects and nothing else. Its configuration, hooks, attributes, grafts, replacements, index and
work tree are out of reach, and so are those of the user and of the machine.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codelm.errors import ResourceError

CONFIG = """\
[core]
	repositoryformatversion = 1
	bare = true
	bigFileThreshold = {max_file_bytes}
	commitGraph = false
	attributesFile = {nothing}
	hooksPath = {nothing}
[extensions]
	objectFormat = {object_format}
[mailmap]
	blob = {tip}:.mailmap
	file = {nothing}
[advice]
	graftFileDeprecated = false
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one short command said."""

    status: int
    text: str
    complaint: str


def environment() -> dict[str, str]:
    """Return the surroundings of every git process: no ``GIT_*`` of the user, no configuration, network or prompt."""
    return _without_git() | {
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


def _without_git() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


@contextmanager
def scrubbed() -> Iterator[None]:
    """Hide the user's ``GIT_*`` from a library that reads them in this very process."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def ask(folder: str, *words: str) -> Answer:
    """Run one short command in the user's folder, trusting it as far as the user does (``safe.directory``)."""
    settings = ["core.fsmonitor=false", f"core.hooksPath={os.devnull}", "advice.graftFileDeprecated=false"]
    settings += [f"safe.directory={folder}" for folder in trusted_folders()]
    pins = [word for setting in settings for word in ("-c", setting)]
    return run(["git", "--no-pager", *pins, "-C", folder, *words], environment())


def trusted_folders() -> list[str]:
    """Return what the user, never the repository, declared safe; `environment` hides those settings from git."""
    asked = (["git", "config", scope, "--get-all", "safe.directory"] for scope in ("--system", "--global"))
    return [line for words in asked for line in run(words, _without_git()).text.splitlines()]


def run(words: Sequence[str], surroundings: Mapping[str, str]) -> Answer:
    """Run one command to its end.

    Raises:
        ResourceError: git is not installed.
    """
    with needing_git():
        done = subprocess.run(words, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, cwd="/")
    return Answer(done.returncode, os.fsdecode(done.stdout).removesuffix("\n"), one_line(done.stderr))


@contextmanager
def needing_git() -> Iterator[None]:
    """Say in one line that a git process could not be started."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"cannot start git: {error.strerror}; install git and put it on the PATH") from error


def one_line(complaint: bytes) -> str:
    r"""Return git's complaint as a single line that is safe to print.

    >>> one_line(b"fatal: bad object\n\nhint: \x1b[31mred\n")
    'fatal: bad object; hint: ?[31mred'
    """
    lines = (line.strip() for line in complaint.decode("utf-8", "replace").splitlines())
    text = "; ".join(line for line in lines if line)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@contextmanager
def keyhole(
    objects: str, object_format: str, tip: str, shallow: Iterable[str], max_file_bytes: int
) -> Iterator[dict[str, str]]:
    """Make a git folder that shares ``objects`` and nothing else; yield the environment that makes git look through it.

    Above ``max_file_bytes`` git makes no patch of a file. Authors are named by the mailmap of ``tip``.
    """
    settings = CONFIG.format(
        max_file_bytes=max(0, max_file_bytes), object_format=object_format, tip=tip, nothing=os.devnull
    )
    with _temporary_folder() as folder:
        _furnish(Path(folder), settings, shallow)
        own = {"GIT_DIR": folder, "GIT_OBJECT_DIRECTORY": objects, "HOME": folder, "XDG_CONFIG_HOME": folder}
        yield environment() | own


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="codelm-")
    except OSError as error:
        raise ResourceError(f"no temporary folder: {error}; set TMPDIR to a folder that can be written") from error


def _furnish(folder: Path, settings: str, shallow: Iterable[str]) -> None:
    """Write what makes a folder a bare repository: a HEAD, refs, a configuration."""
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    (folder / "config").write_text(settings)
    (folder / "shallow").write_text("".join(f"{sha}\n" for sha in shallow))
