"""Short runs: what they have left in their folders, and the end of those that a test started."""

import json
import os
import signal
from contextlib import suppress

__all__ = ["files", "filled", "kill_groups", "manifest", "training"]


def manifest(folder, name="numbers", version=0):
    return json.loads((folder / f"runs/{name}/version_{version}/MANIFEST.json").read_text())


def training(folder, **run):
    return manifest(folder, **run)["phase_results"]["phase_4_training"]


def moments(folder):
    return [(moment["epoch"], moment["step"]) for moment in training(folder)["history"]]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def filled(text, **values):
    """Return a configuration in which each name in capitals is replaced by its value."""
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


def kill_groups(processes):
    """Kill processes, each with its group."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
