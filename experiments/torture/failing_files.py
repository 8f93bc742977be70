"""Failing calls of the system on files, by a small library in C that is loaded before all others."""

import ctypes
import errno
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CALLS_FILE", "ERRORS", "FailingFiles", "build_library", "can_fail_files"]

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)

CALLS_FILE = "calls"
"""The file, in the process's working folder, that says how many calls there were that could fail, by error number."""
_COMPILER = "cc"
_SOURCE = Path(__file__).with_suffix(".c")


def can_fail_files() -> bool:
    """Return whether there is a C compiler."""
    return shutil.which(_COMPILER) is not None


def build_library(folder: Path) -> Path | None:
    """Compile the library into a folder and return it; None where there is no C compiler."""
    if not can_fail_files():
        return None
    library = folder / "failing_files.so"
    command = [_COMPILER, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library


@dataclass(frozen=True, slots=True)
class FailingFiles:
    """Lets calls on files below a folder fail in the process that it is called in, which has the library loaded.

    Attributes:
        folder: The folder.
        at: The call that fails, from 1; 0 for none.
        number: The error's number.
        lasting: Whether all calls behind it fail, too.
    """

    folder: str
    at: int
    number: int
    lasting: bool = False

    def __call__(self) -> None:
        """Arm this process, and let it say in `CALLS_FILE` how many calls there were when it ends."""
        from experiments.torture.stops import shorten_evaluation

        shorten_evaluation()
        library = ctypes.CDLL(None)
        library.file_calls.restype = ctypes.c_long
        end: Any = os._exit

        def count_and_end(status: int) -> None:
            calls = {number: library.file_calls(number) for number in ERRORS}
            library.fail_files(b"/nowhere", ctypes.c_long(0), 0, 0)
            Path(CALLS_FILE).write_text(json.dumps(calls))
            end(status)

        os._exit = count_and_end  # type: ignore[assignment]
        library.fail_files(self.folder.encode(), ctypes.c_long(self.at), self.number, int(self.lasting))
