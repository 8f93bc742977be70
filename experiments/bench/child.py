"""The process of one measurement: it imports codelm from the build that it is told, measures, and writes the outcome.

The task comes as JSON on standard input; see `experiments.bench.tasks`. Measuring code is always this build's: the
package ``experiments`` is loaded when the other build's folder comes to stand first on the path.
"""

import importlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

__all__ = ["main", "peak_memory"]


def peak_memory() -> float:
    """Return the most memory that this process has had so far, in MB; that of processes it started does not count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> int:
    """Do the task on standard input, write its outcome, and return the exit status."""
    task: dict[str, Any] = json.load(sys.stdin)
    build = Path(task["build"])
    sys.path.insert(0, str(build))
    module, function = task["function"].split(".")
    outcome = getattr(importlib.import_module(f"experiments.bench.children.{module}"), function)(**task["options"])
    _refuse_other_build(build)
    text = json.dumps({"memory": peak_memory(), **outcome})
    Path(task["outcome"]).write_text(text, encoding="utf-8")
    return 0


def _refuse_other_build(build: Path) -> None:
    """Raise an error where codelm came from elsewhere than the build that was to be measured."""
    found = getattr(sys.modules.get("codelm"), "__file__", None)
    if found is not None and Path(found).resolve().parent.parent != build.resolve():
        raise RuntimeError(f"codelm of {build} was to be measured, and {found} was")


if __name__ == "__main__":
    sys.exit(main())
