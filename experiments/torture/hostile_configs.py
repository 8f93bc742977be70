"""Configurations that name code by any door, given to the command."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from experiments.torture.runs import processes, run_in_process
from experiments.torture.subjects import write_repository

__all__ = ["FindModules", "configurations"]

_DOORS = {
    "a callback": "trainer: {callbacks: [{class_path: own_module.Own}]}",
    "a logger": "trainer: {logger: {class_path: own_module.Own}}",
    "a strategy": "trainer: {strategy: {class_path: own_module.Own}}",
    "a plugin": "trainer: {plugins: [{class_path: own_module.Own}]}",
    "a profiler": "trainer: {profiler: {class_path: own_module.Own}}",
    "an argument of a callback": (
        "trainer: {callbacks: [{class_path: codelm.callbacks.FinishRun,"
        " init_args: {steps: [{class_path: own_module.Own}]}}]}"
    ),
}


def configurations(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield what comes of configurations that name a module, beside ``--allow_code``, and of YAML's tags."""
    write_repository(folder / "numbers")
    mark = folder / "own-mark"
    (folder / "own_module.py").write_text(
        f"open({str(mark)!r}, 'w').close()\nfrom lightning.pytorch import Callback\nclass Own(Callback): pass\n"
    )
    context = processes()
    for name, text in _DOORS.items():
        (folder / "hostile.yaml").write_text(f"data: {{repo: {folder / 'numbers'}}}\nmodel: {{base: tiny}}\n{text}\n")
        words = ["fit", "--config", "hostile.yaml", "--print_config"]
        ended = run_in_process(context, folder, words, FindModules(str(folder)))
        wrong = (
            "" if ended.status == 2 and len(ended.errors) == 1 and not mark.exists() else f"{name}: {ended.said[-200:]}"
        )
        run_in_process(context, folder, [*words, "--allow_code"], FindModules(str(folder)))
        yield wrong, mark.exists()
        mark.unlink(missing_ok=True)
    text = f"data: !!python/object/apply:os.open [{str(mark)!r}, {os.O_CREAT}]\n"
    (folder / "hostile.yaml").write_text(text)
    ended = run_in_process(context, folder, ["fit", "--config", "hostile.yaml"])
    wrong = "" if ended.status == 2 and not mark.exists() else f"a tag: {ended.said[-200:]}"
    yaml.unsafe_load(text)
    yield wrong, mark.exists()


@dataclass(frozen=True, slots=True)
class FindModules:
    """Lets a process find modules in a folder."""

    folder: str

    def __call__(self) -> None:
        """Let this process do so."""
        sys.path.insert(0, self.folder)
