"""Runs of the ablation, one after the other: train, evaluate, append the result."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codelm.errors import CodelmError, InputError
from codelm.files import new_folder
from experiments.ablation.measure import AdapterEvaluator
from experiments.ablation.objects import parse_settings, refuse_equal_to_ours
from experiments.ablation.ours import train_ours
from experiments.ablation.results import Result, append, of_experiment, read_results
from experiments.ablation.rows import FLOAT32_PEER, PEERS, Experiment
from experiments.ablation.trained import ADAPTER, Trained, load, save
from experiments.program import installed_version

__all__ = ["folder_name", "run_missing", "train_by_public_recipe"]

_LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "trl", "datasets")

log = logging.getLogger(__name__)


def run_missing(experiment: Experiment, runs: Iterable[tuple[str, int]], results: Path, work: Path) -> int:
    """Do the runs that the results lack; one that fails stops no other.

    Args:
        experiment: What all runs have in common.
        runs: Row and seed of each.
        results: The file of results.
        work: The folder of the trainings.

    Returns:
        How many runs failed.
    """
    failed, evaluator = 0, AdapterEvaluator(experiment.settings(), experiment.test_tokens)
    for row, seed in runs:
        if (row, seed) in of_experiment(read_results(results), experiment):
            continue
        log.info("%s, seed %d", row, seed)
        folder = work / experiment.key / folder_name(row, seed)
        try:
            trained = load(folder) or _train(experiment, row, seed, folder)
            measured = evaluator.evaluate(folder / ADAPTER)
            append(results, Result(experiment.key, row, seed, trained, measured, _about(experiment)))
        except CodelmError as error:
            log.error("%s, seed %d failed: %s", row, seed, error)
            failed += 1
        except Exception:  # of a library: hours of other runs must not be lost for it
            log.exception("%s, seed %d failed", row, seed)
            failed += 1
    return failed


def _train(experiment: Experiment, row: str, seed: int, folder: Path) -> Trained:
    """Train one row into ``folder``, which appears whole or not at all, and return the training's figures.

    Args:
        experiment: What all rows have in common.
        row: The row's name.
        seed: The run's seed.
        folder: Where adapter and figures go.
    """
    refuse_equal_to_ours(experiment, row)
    train_row = train_by_public_recipe if row in PEERS else train_ours
    with new_folder(folder) as unfinished:
        trained = train_row(experiment, row, seed, unfinished)
        save(trained, unfinished)
    return trained


def train_by_public_recipe(experiment: Experiment, row: str, seed: int, folder: Path) -> Trained:
    """Train a row of the public recipe.

    Args:
        experiment: What all rows have in common.
        row: The row's name.
        seed: The run's seed.
        folder: Where the adapter goes.
    """
    if installed_version("trl") is None:
        raise InputError("the public recipe needs TRL: .venv/bin/pip install -c constraints.txt -e '.[ablation]'")
    from experiments.ablation.peer import train_peer

    settings = experiment.run_settings(row, seed)
    return train_peer(
        settings, experiment.settings(), folder, rate_factor=PEERS[row], float32_adapters=row == FLOAT32_PEER
    )


def folder_name(row: str, seed: int) -> str:
    """Return the name of a run's folder, which does not begin as an option does."""
    return f"{'without' if row.startswith('-') else ''}{row}-{seed}"


def _about(experiment: Experiment) -> dict[str, Any]:
    """Return what should be known of a result later."""
    return {
        "repository": Path(experiment.repository).stem,
        "tip": experiment.tip,
        "base": parse_settings(experiment.settings()).model.base,
        "steps": experiment.steps,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: installed_version(name) for name in _LIBRARIES},
    }
