"""A training by our recipe: `codelm fit`, as a user would start it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import yaml

from codelm.datamodules import GitCommitDataModule
from codelm.errors import CodelmError, InputError
from codelm.history.epochs.plan import Row, evenly_spaced, rows_of_steps
from experiments.ablation.objects import instantiate
from experiments.ablation.rows import VALIDATIONS, Experiment, round_to_validations
from experiments.ablation.settings import Settings, batches_of_step, trainer_setting
from experiments.ablation.trained import ADAPTER, Trained

__all__ = ["figures", "planned_tokens", "refuse_short_epochs", "settings_of_equal_tokens", "train_ours"]

_NAME = "run"
_TRIES = 4
_SAFETY = 0.95
"""Share of the steps that a history has enough for which is suggested: with fewer steps, rows are less or more full."""


def train_ours(experiment: Experiment, row: str, seed: int, folder: Path) -> Trained:
    """Run `codelm fit`, leave its adapter in ``folder`` and return the training's figures.

    Args:
        experiment: What all rows have in common.
        row: The row's name.
        seed: The run's seed.
        folder: Where the adapter, the settings and the run's folder go.
    """
    settings = settings_of_equal_tokens(experiment, row, seed)
    refuse_short_epochs(experiment, settings)
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-m", "codelm", "fit", "--quiet", "--config", str(folder / "settings.yaml")]
    done = subprocess.run([*command, "--output", str(folder), "--name", _NAME], check=False)
    if done.returncode:
        raise CodelmError(f"codelm fit ended with status {done.returncode}")
    run = folder / _NAME / "version_0"
    (run / ADAPTER).rename(folder / ADAPTER)
    return figures(settings, json.loads((run / "MANIFEST.json").read_text(encoding="utf-8")))


def settings_of_equal_tokens(experiment: Experiment, row: str, seed: int) -> Settings:
    """Return the settings of a run that reads as many tokens as full rows would hold in the experiment's steps.

    Rows are not equally full under all settings, and which rows are taken depends on the steps: try a few times.
    """
    settings = experiment.run_settings(row, seed)
    for _ in range(_TRIES):
        steps = trainer_setting(settings, "max_steps")
        wanted = round_to_validations(experiment.steps / _fullness(settings))
        if wanted == steps:
            break
        settings = experiment.run_settings(row, seed, wanted)
    return settings


def refuse_short_epochs(experiment: Experiment, settings: Settings) -> None:
    """Raise `InputError` where an epoch has fewer steps than there are between two validations.

    Lightning validates after each epoch: the validations would come at other steps, and none at the end, because an
    epoch that the last step cuts off has none.
    """
    data = _open_data(settings)
    size = data.batch_size * batches_of_step(settings)
    shortest = min(-(-len(rows) // size) for rows in islice(_epochs(settings, data), VALIDATIONS))
    wanted = trainer_setting(settings, "max_steps") // VALIDATIONS
    if shortest < wanted:
        most = round_to_validations(_SAFETY * experiment.steps * shortest / wanted)
        fewer = f"--steps {most} or fewer, or " if most < experiment.steps else ""
        raise InputError(
            f"an epoch of this row has {shortest} steps, and {wanted} are wanted before each of {VALIDATIONS} looks at "
            f"validation; give {fewer}a longer history"
        )


def _fullness(settings: Settings) -> float:
    """Return the share of a run's positions that hold tokens, 0 to 1."""
    data = instantiate(settings).data
    batches = int(trainer_setting(settings, "max_steps") * batches_of_step(settings))
    tokens, _ = planned_tokens(settings)
    return tokens / (batches * data.batch_size * data.sequence_length)


def figures(settings: Settings, manifest: dict[str, Any]) -> Trained:
    """Return a training's figures, from its manifest and its plan; the last validation must be at the last step."""
    training = manifest["phase_results"]["phase_4_training"]
    stats, steps = training["training_stats"], trainer_setting(settings, "max_steps")
    if (last := training["history"][-1]["step"]) != steps:
        raise CodelmError(
            f"codelm fit was last measured at step {last} of {steps}, which is no fair row; take from the "
            "configuration what ends a run early"
        )
    tokens, learned = planned_tokens(settings)
    names = ("best_step", "base_val_loss", "final_val_loss")
    notes = {name: stats[name] for name in names} | {"steps": steps}
    return Trained(tokens, learned, training["seconds"], notes)


def planned_tokens(settings: Settings) -> tuple[int, float]:
    """Return the tokens in the rows that a run takes, and the sum of their weights: the plan is known in advance."""
    data = _open_data(settings)
    size = data.batch_size * batches_of_step(settings)
    rows = rows_of_steps(_epochs(settings, data), size, trainer_setting(settings, "max_steps"))
    samples = [index for row in rows for index in row]
    weights = data.label_weights(data.context_weight)
    return int(data.store.samples["length"][samples].sum()), float(weights[samples].sum())


def _open_data(settings: Settings) -> GitCommitDataModule:
    """Return a run's data module with its store open; the history is read unless the cache has it."""
    data = instantiate(settings).data
    data.prepare_data()
    data.setup()
    return data


def _epochs(settings: Settings, data: GitCommitDataModule) -> Iterator[list[Row]]:
    """Yield the rows that a run takes of each epoch, without end."""
    most = trainer_setting(settings, "limit_train_batches") * data.batch_size
    return (evenly_spaced(data.rows(epoch), most) for epoch in count())
