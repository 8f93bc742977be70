"""A training of ours: `codelm fit`, as a user would start it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import yaml

from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.packed import spread
from codelm.errors import CodelmError, InputError
from codelm.history.epochs.plan import Row, rows_of_steps
from experiments.ablation.objects import make
from experiments.ablation.rows import LOOKS, Experiment, whole_looks
from experiments.ablation.settings import Settings, accumulated, trainer_setting
from experiments.ablation.trained import ADAPTER, Trained

NAME = "run"
TRIES = 4
SAFE = 0.95
"""Share of the steps for which a history would do that are named as enough: fewer steps take rows less or more full."""


def train_ours(experiment: Experiment, row: str, seed: int, folder: Path) -> Trained:
    """Run `codelm fit`, leave its adapter in ``folder`` and return what it took.

    Raises:
        InputError: The history is too short for so many steps.
        CodelmError: It failed; why stands on standard error.
    """
    settings = as_long(experiment, row, seed)
    refuse_short_epochs(experiment, settings)
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-m", "codelm", "fit", "--quiet", "--config", str(folder / "settings.yaml")]
    done = subprocess.run([*command, "--output", str(folder), "--name", NAME], check=False)
    if done.returncode:
        raise CodelmError(f"codelm fit ended with status {done.returncode}")
    run = folder / NAME / "version_0"
    (run / ADAPTER).rename(folder / ADAPTER)
    return took(settings, json.loads((run / "MANIFEST.json").read_text(encoding="utf-8")))


def as_long(experiment: Experiment, row: str, seed: int) -> Settings:
    """Return the settings of a run that reads as many tokens as full rows would hold in the experiment's steps.

    Rows are not equally full under all settings, and which rows are taken depends on the steps: try a few times.
    """
    settings = experiment.run_settings(row, seed)
    for _ in range(TRIES):
        steps = trainer_setting(settings, "max_steps")
        wanted = whole_looks(experiment.steps / fullness(settings))
        if wanted == steps:
            break
        settings = experiment.run_settings(row, seed, wanted)
    return settings


def refuse_short_epochs(experiment: Experiment, settings: Settings) -> None:
    """Raise `InputError` where an epoch ends before its look is due: looks would come at other steps, none at the end.

    Lightning looks at validation after each epoch, and one that is cut off by the last step has none.
    """
    data = opened(settings)
    size = data.batch_size * accumulated(settings)
    shortest = min(-(-len(rows) // size) for rows in islice(epochs(settings, data), LOOKS))
    wanted = trainer_setting(settings, "max_steps") // LOOKS
    if shortest < wanted:
        most = whole_looks(SAFE * experiment.steps * shortest / wanted)
        fewer = f"--steps {most} or fewer, or " if most < experiment.steps else ""
        raise InputError(
            f"an epoch of this row has {shortest} steps, and {wanted} are wanted before each of {LOOKS} looks at "
            f"validation; give {fewer}a longer history"
        )


def fullness(settings: Settings) -> float:
    """Return the share of a run's positions that hold tokens."""
    data = make(settings).data
    batches = int(trainer_setting(settings, "max_steps") * accumulated(settings))
    tokens, _ = planned(settings)
    return tokens / (batches * data.batch_size * data.sequence_length)


def took(settings: Settings, manifest: dict[str, Any]) -> Trained:
    """Return what a run took, by its manifest and its plan.

    Raises:
        CodelmError: Its last look was not at its last step.
    """
    training = manifest["phase_results"]["phase_4_training"]
    stats, steps = training["training_stats"], trainer_setting(settings, "max_steps")
    if (taken := training["history"][-1]["step"]) != steps:
        raise CodelmError(
            f"codelm fit was last measured at step {taken} of {steps}, which is no fair row; take from the "
            "configuration what ends a run early"
        )
    tokens, learned = planned(settings)
    names = ("best_step", "base_val_loss", "final_val_loss")
    notes = {name: stats[name] for name in names} | {"steps": steps}
    return Trained(tokens, learned, training["seconds"], notes)


def planned(settings: Settings) -> tuple[int, float]:
    """Return the tokens in the rows that a run takes, and the sum of their weights: the plan is known in advance."""
    data = opened(settings)
    size = data.batch_size * accumulated(settings)
    rows = rows_of_steps(epochs(settings, data), size, trainer_setting(settings, "max_steps"))
    samples = [index for row in rows for index in row]
    weights = data.label_weights(data.context_weight)
    return int(data.store.samples["length"][samples].sum()), float(weights[samples].sum())


def opened(settings: Settings) -> GitCommitDataModule:
    """Return the data of a run; the history is read unless the cache has it."""
    data = make(settings).data
    data.prepare_data()
    data.setup()
    return data


def epochs(settings: Settings, data: GitCommitDataModule) -> Iterator[list[Row]]:
    """Yield the rows that a run takes of each epoch, without end."""
    most = trainer_setting(settings, "limit_train_batches") * data.batch_size
    return (spread(data.rows(epoch), most) for epoch in count())
