"""Tasks, each of which a process of its own does: its peak memory is the task's, and nothing is warm from before."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codelm.errors import CodelmError

__all__ = ["ROOT", "Outcome", "Task", "TaskFailedError", "run"]

ROOT = Path(__file__).parents[2]
"""The folder of this build."""

Outcome = dict[str, Any]
"""What a task measured, by name."""


class TaskFailedError(CodelmError):
    """The process of a task failed; the message is the last line that it wrote to standard error."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to measure, or to prepare.

    Attributes:
        function: Module and name of a function in ``experiments.bench.children``, such as ``steps.train``.
        build: The folder of the build of codelm that it is done with.
        options: Its arguments, as JSON has them.
    """

    function: str
    build: Path
    options: Mapping[str, Any] = field(default_factory=dict)


def run(task: Task, scratch: Path) -> Outcome:
    """Do a task in a new process and return its outcome, which holds the ``memory`` of the process in MB.

    The caller's own memory must be small: on Linux the peak of a new process is at least that of the one it came from.

    Args:
        task: The task.
        scratch: The process's working folder, in which no package lies.

    Raises:
        TaskFailedError: It failed.
    """
    file = scratch / "outcome.json"
    file.unlink(missing_ok=True)
    message = {
        "function": task.function,
        "build": str(task.build),
        "options": dict(task.options),
        "outcome": str(file),
    }
    done = subprocess.run(
        [sys.executable, "-m", "experiments.bench.child"],
        input=json.dumps(message),
        capture_output=True,
        text=True,
        errors="replace",
        cwd=scratch,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
        check=False,
    )
    if done.returncode or not file.exists():
        lines = done.stderr.split("\n")
        raise TaskFailedError(next((line.strip() for line in reversed(lines) if line.strip()), "without a word"))
    outcome: Outcome = json.loads(file.read_text(encoding="utf-8"))
    return outcome
