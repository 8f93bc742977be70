"""Configurations that name code by any door, and such as a parser would read otherwise than they look."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from codelm.cli.yaml_files import read_nodes
from experiments.torture.guards import taken_out
from experiments.torture.harm import outcome
from experiments.torture.runs import processes, run_in_process
from experiments.torture.subjects import write_repository

__all__ = ["FindModules", "configurations", "misleading"]

_DOORS = {
    "a callback": "trainer: {callbacks: [{class_path: own_module.Own}]}",
    "a logger": "trainer: {logger: {class_path: own_module.Own}}",
    "a strategy": "trainer: {strategy: {class_path: own_module.Own}}",
    "a plugin": "trainer: {plugins: [{class_path: own_module.Own}]}",
    "a profiler": "trainer: {profiler: {class_path: own_module.Own}}",
    "a bare name": "trainer: {logger: own_module.Own}",
    "a dotted key": "trainer.logger: own_module.Own",
    "a callback in addition": "trainer: {callbacks+: [{class_path: own_module.Own}]}",
    "YAML within text": "trainer: {logger: 'class_path: own_module.Own'}",
    "an alias": "trainer: {logger: &a own_module.Own, callbacks: [*a]}",
    "another file": "trainer: part.yaml",
    "another configuration": "config: whole.yaml",
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
    (folder / "part.yaml").write_text("logger: own_module.Own\n")
    (folder / "whole.yaml").write_text("trainer: {logger: own_module.Own}\n")
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


_TEN, _HUNDRED = ", ".join(["1"] * 10), ", ".join(["*b"] * 100)
_MISLEADING = {
    # A few values more than are allowed: each further line would repeat a hundred times as many.
    "aliases of aliases": (
        "the limit of aliases",
        f"a: &a [{_TEN}]\nb: &b [{', '.join(['*a'] * 10)}]\nc: [{_HUNDRED}]\n",
    ),
    "a long text again and again": ("the limit of aliases", f"a: &b {'x' * 6400}\nc: [{_HUNDRED}]\n"),
    "a key that stands twice": ("the check of keys", "a: 1\nb: 2\na: 3\n"),
    "a key that stands twice within a group": ("the check of keys", "a: {b: 1, b: 2}\n"),
    "a key that stands twice within a list": ("the check of keys", "a: [{b: 1, b: 2}]\n"),
    "a key that is a list": ("the check of keys", "? [a, b]\n: 1\n"),
}


def misleading(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield what comes of configurations that repeat or hide values; without the check they are read."""
    folder.mkdir()
    file = folder / "misleading.yaml"
    for name, (guard, text) in _MISLEADING.items():
        file.write_text(text)
        wrong = outcome(name, lambda: read_nodes(file) is None)
        with taken_out(guard):
            yield wrong, read_nodes(file) is not None


@dataclass(frozen=True, slots=True)
class FindModules:
    """Lets a process find modules in a folder."""

    folder: str

    def __call__(self) -> None:
        """Let this process do so."""
        sys.path.insert(0, self.folder)
