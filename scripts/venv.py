"""The Python that has the packages: a program that was started with another one goes on in that."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

VENV = Path(__file__).resolve().parents[1] / ".venv"


def go_on_in_venv() -> None:
    """Start the program anew with the Python of ``.venv`` where this one lacks the packages; end it where none has."""
    if find_spec("torch"):
        return
    python = VENV / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != VENV:
        os.execv(python, [str(python), *sys.argv])
    sys.stderr.write(f"{sys.argv[0]}: what it needs is not installed; run scripts/setup, which makes {VENV}\n")
    raise SystemExit(2)
