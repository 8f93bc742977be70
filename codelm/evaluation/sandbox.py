"""A room to look at text in that nobody vouches for: bubblewrap, with no network, no environment and few files.

A program in it sees the system's ``/usr`` and what it is lent, all read-only, and one folder to write to. What it may
use of memory, processor, files and processes is bounded, and so is its time. Where no sandbox can be had, nothing runs.
"""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import IO

from codelm.errors import InputError

FOLDER = "/w"
"""Where the folder that may be written to lies inside."""
BOUNDS = {"as": 1 << 30, "cpu": 20, "fsize": 1 << 24, "nproc": 64, "nofile": 256, "core": 0}
"""What each program may use: bytes of memory, seconds, bytes of a file, processes, open files, bytes of a core dump."""
GRACE = 5.0
"""Seconds in which a sandbox has to start and to end."""
REMEDY = "or leave evaluation.rustc false"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status, 124 or 137 if time was up, and the beginning of what it wrote."""

    status: int
    out: str
    complaint: str


def command(
    words: Sequence[str], folder: Path, *, seconds: float, lent: Mapping[Path, str], variables: Mapping[str, str]
) -> list[str]:
    """Return the command line that runs ``words`` in a sandbox.

    Args:
        words: The program and its arguments, found in ``/usr/bin`` inside.
        folder: What may be written to; it lies at `FOLDER`, where the program starts.
        seconds: Time until it is ended.
        lent: Files and folders that may be read beside the system's, and where they lie inside.
        variables: The whole environment, but for a ``PATH`` and a ``TMPDIR``.
    """
    # The bounds are set inside: there a bound on processes counts those of the sandbox, not all of the user's.
    bounds = ["prlimit", *(f"--{name}={most}" for name, most in BOUNDS.items()), "--"]
    return [
        *(bubblewrap(), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *("--ro-bind", "/usr", "/usr", "--dev", "/dev"),
        *(word for name in ("bin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")),
        *(word for outside, inside in lent.items() for word in ("--ro-bind", str(outside), inside)),
        *("--bind", str(folder), FOLDER, "--chdir", FOLDER, "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--setenv", "PATH", "/usr/bin", "--setenv", "TMPDIR", FOLDER),
        *(word for name, value in variables.items() for word in ("--setenv", name, value)),
        *("--", *bounds, "timeout", "--kill-after=1", f"{seconds:g}", *words),
    ]


def bubblewrap() -> str:
    """Return where bubblewrap is.

    Raises:
        InputError: It is not installed.
    """
    found = which("bwrap")
    if found is None:
        raise InputError(
            f"evaluation.rustc is true, and there is no bubblewrap to keep rustc in; install bwrap, {REMEDY}"
        )
    return found


def run(
    words: Sequence[str],
    folder: Path,
    *,
    seconds: float = 10.0,
    lent: Mapping[Path, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program in a sandbox and return how it ended; see `command` for what it is given.

    Raises:
        InputError: bubblewrap is not installed.
    """
    line = command(words, folder, seconds=seconds, lent=lent or {}, variables=variables or {})
    # Files and not pipes: what is written to a file is bounded like any other.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaint:
        return Ended(status(line, out, complaint, seconds + GRACE), beginning(out), beginning(complaint))


def status(line: Sequence[str], out: IO[bytes], complaint: IO[bytes], seconds: float) -> int:
    """Run a command line without input or environment and return its exit status, 124 if time was up."""
    try:
        return subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=complaint,
            env={},
            cwd="/",
            timeout=seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return 124
    except OSError as error:  # it is there, but no program
        complaint.write(str(error).encode())
        return 126


def beginning(file: IO[bytes]) -> str:
    """Return the first 100,000 bytes of a file as text."""
    file.seek(0)
    return file.read(100_000).decode(errors="replace")


def check() -> None:
    """Start a sandbox and look around in it.

    Raises:
        InputError: There is none to be had, or it shows what it must not.
    """
    with tempfile.TemporaryDirectory() as folder:
        ended = run(["test", "!", "-e", "/etc/passwd"], Path(folder))
    if ended.status:
        raise InputError(
            f"evaluation.rustc is true, and bubblewrap starts no sandbox here to keep rustc in ({reason(ended)}); "
            f"allow user namespaces, {REMEDY}"
        )


def reason(ended: Ended) -> str:
    r"""Return in a line why a program failed.

    >>> reason(Ended(1, "", "bwrap: No permissions\n")), reason(Ended(124, "", ""))
    ('bwrap: No permissions', 'status 124')
    """
    said = [line.strip() for line in ended.complaint.splitlines() if line.strip()]
    return said[0][:200] if said else f"status {ended.status}"
