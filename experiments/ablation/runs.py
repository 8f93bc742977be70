"""One run after the other: train, measure, write down."""

import logging
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from codelm.clock import now
from codelm.errors import CodelmError, InputError
from codelm.files import new_folder
from experiments.ablation.measure import Meter
from experiments.ablation.objects import parsed, refuse_empty
from experiments.ablation.ours import train_ours
from experiments.ablation.results import Result, append, of, read
from experiments.ablation.rows import PEERS, PRECISE_PEER, Experiment
from experiments.ablation.trained import ADAPTER, Trained, load, save

LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "trl", "datasets")

log = logging.getLogger("ablate")


def run_missing(experiment: Experiment, runs: Iterable[tuple[str, int]], results: Path, work: Path) -> int:
    """Do the runs, as row and seed, that the results lack; return how many failed. One that fails stops no other."""
    failed, meter = 0, Meter(experiment.settings(), experiment.measured_tokens)
    for row, seed in runs:
        if (row, seed) in of(read(results), experiment):
            continue
        log.info("%s, seed %d", row, seed)
        try:
            append(results, run(experiment, row, seed, work / experiment.key / folder_name(row, seed), meter))
        except CodelmError as error:
            log.error("%s, seed %d failed: %s", row, seed, error)
            failed += 1
        except Exception:  # of a library: hours of other runs must not be lost for it
            log.exception("%s, seed %d failed", row, seed)
            failed += 1
    return failed


def run(experiment: Experiment, row: str, seed: int, folder: Path, meter: Meter) -> Result:
    """Train, unless the folder holds a finished training, and measure."""
    trained = load(folder) or train(experiment, row, seed, folder)
    return Result(experiment.key, row, seed, trained, meter.measure(folder / ADAPTER), about(experiment))


def train(experiment: Experiment, row: str, seed: int, folder: Path) -> Trained:
    """Train one row; the folder appears whole or not at all."""
    refuse_empty(experiment, row)
    with new_folder(folder) as unfinished:
        if row in PEERS:
            trained = peers(experiment, row, seed, unfinished)
        else:
            trained = train_ours(experiment, row, seed, unfinished)
        save(trained, unfinished)
    return trained


def peers(experiment: Experiment, row: str, seed: int, folder: Path) -> Trained:
    """Train by the public recipe.

    Raises:
        InputError: Its trainer is not installed.
    """
    if installed("trl") is None:
        raise InputError("the public recipe needs TRL: .venv/bin/pip install -c constraints.txt -e '.[ablation]'")
    from experiments.ablation.peer import train_peer

    settings = experiment.run_settings(row, seed)
    return train_peer(settings, experiment.settings(), folder, precise=row == PRECISE_PEER)


def folder_name(row: str, seed: int) -> str:
    """Return the name of a run's folder.

    >>> folder_name("-fim", 0), folder_name("peer-fp32", 1)
    ('without-fim-0', 'peer-fp32-1')
    """
    return f"{'without' if row.startswith('-') else ''}{row}-{seed}"


def about(experiment: Experiment) -> dict[str, Any]:
    """Return what should be known of a result later."""
    return {
        "repository": Path(experiment.repository).stem,
        "tip": experiment.tip,
        "base": parsed(experiment.settings()).model.base,
        "steps": experiment.steps,
        "written": now(),
        "versions": {name: installed(name) for name in LIBRARIES},
    }


def installed(name: str) -> str | None:
    """Return the version of a library; None where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
