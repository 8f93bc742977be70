import doctest
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from codelm.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def pages():
    pytest.importorskip("griffe")
    spec = importlib.util.spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_page_has_its_place_in_the_index():
    trees = re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text(), re.DOTALL)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    written = [name for name in listed if not name.startswith("reference/")]
    assert sorted(written) == sorted(page.stem for page in DOCS.glob("*.md") if page.stem != "index")
    assert {"reference/commands", "reference/settings", "reference/python"} <= set(listed)


def test_each_command_has_its_section(pages):
    page = pages.command_page()
    assert re.findall(r"^## codelm (.*)", page, re.MULTILINE) == list(COMMANDS)
    assert "usage: codelm export [-h]" in page
    assert "--interactive" in page


def test_public_modules_are_written_with_signatures_and_every_public_name(pages):
    for name in pages.MODULES:
        page = pages.module_page(name)
        public = re.search(r"__all__ = \[(.*?)\]", source_of(name), re.DOTALL)[1]
        assert re.findall(r"^:::::\{py:\w+\} (\w+)", page, re.MULTILINE) == re.findall(r"\"(\w+)\"", public)
    assert "repo: str | list[str] = '.', revision: str = 'HEAD', *, sequence_length" in pages.module_page(
        "codelm.datamodules"
    )


def source_of(name):
    path = ROOT / Path(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text()


def test_settings_keep_their_lines_types_and_code(pages, monkeypatch):
    help_text = (
        "options:\n  -h, --help   Show this.\n\nThe data:\n"
        "  --data.repo REPO  Folder of a <b> in ``a_b``. (type: str, default: .)\n"
        "  --data.long_name LONG_NAME\n" + " " * 24 + "Text of its own line.\n"
    )
    monkeypatch.setattr(pages, "help_of", lambda arguments, columns: help_text)
    page = pages.settings_page()
    assert "## the run\n\n`--help`\n: Show this." in page
    assert "## data\n\n`--data.repo REPO`\n: Folder of a \\<b\\> in ``a_b``. (type: str, default: .)" in page
    assert "`--data.long_name LONG_NAME`\n: Text of its own line." in page


def test_examples_hold(pages):
    assert doctest.testmod(pages).failed == 0


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ('<a href="https://example.org">elsewhere</a>', 0),
        ('<img src="_images/report.png"/>', 0),
        ('<script src="https://cdn.example.org/x.js"></script>', 1),
        ('<link rel="stylesheet" href="//fonts.example.org/x.css">', 1),
        ("<style>@font-face {src: url(https://fonts.example.org/x.woff2)}</style>", 1),
    ],
)
def test_a_site_that_would_load_something_from_elsewhere_is_refused(line, status, tmp_path):
    for name in ("scripts", ".venv/bin", "build/site"):
        (tmp_path / name).mkdir(parents=True)
    script = shutil.copy(ROOT / "scripts/docs", tmp_path / "scripts")
    for stub in ("scripts/setup", ".venv/bin/python"):
        (tmp_path / stub).write_text("#!/bin/sh\n")
        (tmp_path / stub).chmod(0o755)
    (tmp_path / "build/site/page.html").write_text(line + "\n")
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("page.html" in done.stdout) == bool(status)
