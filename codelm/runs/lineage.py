"""The lineage of an adapter: those that it was trained on from, with their runs and commits."""

from pathlib import Path
from typing import Any

from codelm.errors import CodelmError
from codelm.files import hashes
from codelm.saved_run import SavedRun

__all__ = ["lineage"]


def lineage(adapter: Path) -> list[dict[str, Any]]:
    """Return the adapters that a training which begins with one goes on from, the oldest first.

    Each has its ``run`` and ``repositories``, with the commits up to which they were read (``tip``) and learned
    (``cut``); both are empty for an adapter that no run of codelm wrote.

    Args:
        adapter: The folder of the adapter that the training begins with.
    """
    sums = {"adapter_sha256": hashes(adapter).get("adapter_model.safetensors")}
    run = SavedRun(adapter.resolve().parent)
    try:
        earlier = run.figure("refreshed_from") or []
    except CodelmError:
        return [{"run": None, **sums, "weights": None, "repositories": []}]
    read = run.figure("phase_results", "phase_1_scrape", "repositories") or []
    repositories = [
        {"name": each["name"], "tip": each.get("tip"), "cut": each.get("split", {}).get("cut")} for each in read
    ]
    own = {"run": run.label, **sums, "weights": run.figure("adapter", "weights"), "repositories": repositories}
    return [*earlier, own]
