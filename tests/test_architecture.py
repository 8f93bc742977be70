"""The plan of rooms: imports go down only, and the lower rooms stay light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import codelm

PACKAGE = Path(codelm.__file__).parent

MAY_IMPORT = {  # a room, and the rooms it may look into
    "__init__": set(),
    "errors": set(),
    "batch": set(),
    "bases": {"errors"},
    "nearest": set(),
    "signals": set(),
    "voice": set(),
    "parser_messages": {"nearest"},
    "first_look": {"errors"},
    "config_files": {"errors", "first_look", "nearest"},
    "commands": {"config_files"},
    "defaults": set(),
    "recording": set(),
    "objections": {"errors"},
    "parser": {"errors", "parser_messages"},
    "runs": {"errors"},
    "atomic": {"errors"},
    "clock": set(),
    "lines": set(),
    "origin": set(),
    "history": {"atomic", "errors", "lines"},
    "evaluation": {"errors", "lines"},
    "datamodules": {"batch", "bases", "clock", "errors", "history", "origin"},
    "modules": {"batch", "bases", "errors"},
    "examination": {"batch", "errors", "evaluation", "history", "lines", "modules"},
    "callbacks": {"atomic", "batch", "clock", "errors", "evaluation", "examination", "modules", "origin"},
    "cli": {"commands", "config_files", "errors", "nearest", "signals", "lightning_cli"},
    "checkpoints": {"atomic", "errors", "runs"},
    "lightning_cli": {
        "bases",
        "callbacks",
        "checkpoints",
        "commands",
        "datamodules",
        "defaults",
        "errors",
        "history",
        "modules",
        "objections",
        "parser",
        "parser_messages",
        "recording",
        "runs",
        "voice",
    },
    "__main__": {"cli"},
}

CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"

HEAVY = ("torch", "transformers", "lightning", "peft", "bitsandbytes")


def rooms_seen_by(file: Path) -> set[str]:
    """Return the rooms of the package that a file imports from, at any depth of its code."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            imported |= {f"{node.module}.{name.name}" for name in node.names}
    inside = [name.split(".") for name in imported if name.startswith("codelm.")]
    return {parts[1] for parts in inside} - {"__version__"}


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down(file):
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert rooms_seen_by(file) - {room} <= MAY_IMPORT[room]


@pytest.mark.skipif(not CONTRIBUTING.is_file(), reason="an installed package has no CONTRIBUTING.md")
def test_the_plan_that_people_read_is_the_one_held_here():
    rows = [line.split("|")[1:4] for line in CONTRIBUTING.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [(floor, *(re.findall(r"`(\w+)`", cell) for cell in cells)) for floor, *cells in rows[1:]]
    floors = {room: int(floor) for floor, rooms, _ in rows for room in rooms}
    assert sorted(room for _, rooms, _ in rows for room in rooms) == sorted(MAY_IMPORT)
    for _, rooms, below in rows:
        assert set(below) == set().union(*(MAY_IMPORT[room] for room in rooms))
    assert all(floors[lower] < floors[room] for room, lowers in MAY_IMPORT.items() for lower in lowers)


@pytest.mark.parametrize(
    ("rooms", "absent"),
    [
        (("bases",), (*HEAVY, "jsonargparse", "huggingface_hub")),
        (("history",), (*HEAVY, "jsonargparse")),
        (("evaluation",), HEAVY),
        (("cli",), (*HEAVY, "jsonargparse")),
    ],
    ids=["bases", "history", "evaluation", "cli"],
)
def test_the_light_rooms_import_nothing_heavy(rooms, absent):
    modules = [
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for room in rooms
        for file in [*(PACKAGE / room).rglob("*.py"), PACKAGE / f"{room}.py"]
        if file.is_file()
    ]
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(absent) & set(loaded)
