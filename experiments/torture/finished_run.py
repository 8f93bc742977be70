"""A run that has ended, and its manifest as each reads it that does."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from codelm.cli.verbs import compare
from codelm.history.store import open_store
from codelm.runs.tested_run import report_folder
from codelm.saved_run import SavedRun, sealed
from experiments.torture.runs import processes, run_in_process, write_config
from experiments.torture.subjects import merging_tokenizer, write_base, write_repository

__all__ = ["Finished", "finished_run", "manifest_uses"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended, with what it was made of.

    Attributes:
        run: Its folder.
        base: The folder of its base.
        cache: The folder of its store.
        repository: The repository.
    """

    run: Path
    base: Path
    cache: Path
    repository: Path


def finished_run(folder: Path, *, seed: int = 42) -> Finished:
    """Train in a new folder, and return the run that has ended."""
    folder.mkdir(parents=True)
    base = write_base(folder / "base", positions=512, tokenizer=merging_tokenizer())
    repository = write_repository(folder / "numbers")
    write_config(folder, base, repository, folder / "cache", sequence_length=256)
    arguments = ["fit", "--config", "config.yaml", "--name", "run", f"--seed_everything={seed}"]
    ended = run_in_process(processes(), folder, arguments)
    assert ended.status == 0, ended.said
    return Finished(folder / "runs/run/version_0", base, folder / "cache", repository)


def manifest_uses(one: Finished, other: Finished, store: Path) -> dict[str, Callable[[], bool]]:
    """Return by their names those who read the manifest of a run; each returns whether it was read as it was.

    Args:
        one: The run.
        other: Another one, which it is compared with.
        store: The folder of its store.
    """
    file = one.run / "MANIFEST.json"
    wanted, shown = json.loads(file.read_text()), _compared(one, other)
    assert _tested(one, store), "the run gets no report"
    return {
        "serve, complete, export and refresh": lambda: sealed(_checked_manifest(one.run)) == wanted,
        "compare": lambda: _compared(one, other) == shown,
        "test": lambda: not _tested(one, store) or json.loads(file.read_text()) == wanted,
    }


def _checked_manifest(folder: Path) -> dict[str, Any]:
    """Return a run's manifest, checked as whoever loads its adapter checks it."""
    run = SavedRun(folder)
    run.refuse_changed_adapter()
    return run.manifest


def _compared(one: Finished, other: Finished) -> str:
    """Return what ``codelm compare`` prints of two runs."""
    with redirect_stdout(io.StringIO()) as printed:
        compare.run([str(one.run), str(other.run), "--json"], quiet=True, debug=False)
    return printed.getvalue()


def _tested(one: Finished, store: Path) -> bool:
    """Return whether the manifest's run gets a report by ``codelm test`` on the data that it has learned from."""
    data = SimpleNamespace(store=open_store(store))
    return report_folder(one.run / "checkpoints/last.ckpt", data, lambda step: []) is not None
