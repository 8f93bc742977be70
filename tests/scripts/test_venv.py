import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def started(tmp_path):
    """Return a function that starts a program, alone in a folder, with a Python that has no packages."""
    (tmp_path / "scripts").mkdir()

    def start(program):
        for name in ("__init__.py", "venv.py", program):
            shutil.copy(SCRIPTS / name, tmp_path / "scripts")
        command = [sys.executable, "-S", tmp_path / "scripts" / program, "--work", "x y"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return start


PROGRAMS = pytest.mark.parametrize("program", ["ablate", "pretrain_tiny"])


@PROGRAMS
def test_without_the_packages_it_is_said_in_a_line_how_to_get_them(program, started):
    status, _, complaint = started(program)
    assert (status, complaint.count("\n")) == (2, 1)
    assert "run scripts/setup, which makes " in complaint


@PROGRAMS
def test_a_python_without_the_packages_hands_over_to_the_one_that_has_them(program, started, tmp_path):
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    python.chmod(0o755)
    assert started(program) == (0, f"{tmp_path}/scripts/{program}|--work|x y|", "")
