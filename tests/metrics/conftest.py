"""Programs to be found in place of the real ones."""

import pytest


@pytest.fixture
def make_program(tmp_path, monkeypatch):
    """Return a function that makes a shell script the program of a name; no other programs are found on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make
