import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_wheel_is_the_same_bytes_in_every_folder(tmp_path, git):
    if not (ROOT / ".git").exists():
        pytest.skip("an installed package has no history to clone")
    time = git(ROOT, "log", "-1", "--format=%ct")
    digests = set()
    for name in ("one", "another"):
        git(tmp_path, "clone", "-q", ROOT, name)
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", "dist"]
        environment = os.environ | {"SOURCE_DATE_EPOCH": time}
        command = [sys.executable, "-m", "pip", "wheel", *options, "."]
        subprocess.run(command, cwd=tmp_path / name, env=environment, check=True)
        (wheel,) = (tmp_path / name / "dist").glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1
