"""What the figures depend on beside the code: machine, versions of libraries, commits of the builds."""

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from codelm.cli.diagnosis import installed_version
from codelm.modules.precision import auto_precision

__all__ = ["commit_of", "header", "library_versions", "processor"]

_LIBRARIES = ("torch", "lightning", "transformers", "peft", "tokenizers", "trl", "pydriller")
_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM")


def header(builds: Mapping[str, Path], rounds: int) -> str:
    """Return a paragraph on machine, precision of training steps, versions, builds and date.

    Args:
        builds: The folders of the builds, by their names.
        rounds: How often everything is measured.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    variables = [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    machine = [
        processor(),
        f"{cores} cores",
        auto_precision("cpu"),
        f"{memory:.1f} GiB",
        f"load {os.getloadavg()[0]:.1f}",
        *variables,
    ]
    commits = (f"{name} {commit_of(folder)}" for name, folder in builds.items())
    parts = (machine, library_versions(), commits, [f"{rounds} rounds", f"{datetime.now(UTC):%Y-%m-%d}"])
    return "; ".join(", ".join(part) for part in parts) + "."


def processor() -> str:
    """Return the name of the processor, or of its architecture where the system does not tell."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return os.uname().machine


def library_versions() -> list[str]:
    """Return name and version of each library that is installed."""
    found = {name: installed_version(name) for name in _LIBRARIES}
    return [f"{name} {version}" for name, version in found.items() if version]


def commit_of(folder: Path) -> str:
    """Return the short id of the commit that a folder was checked out at, and whether files were changed since."""
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    if commit is None:
        return "of no commit"
    return f"{commit} and changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says about a folder; None where it fails."""
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.strip()
