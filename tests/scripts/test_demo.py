import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "scripts/demo"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["elsewhere", "--help"]])
def test_help_is_given_before_anything_is_installed(words, tmp_path):
    (tmp_path / "scripts").mkdir()
    alone = shutil.copy(DEMO, tmp_path / "scripts")  # with nothing beside it that could install
    done = subprocess.run([alone, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Tune the bundled small model")
    assert "  scripts/demo ~/src/ripgrep  " in done.stdout
    assert "set -euo" not in done.stdout
