"""Runs that are stopped again and again, at random, end as a run that nobody stopped."""

import json
import random
import signal
from functools import cache

import pytest

from tests.stopped_runs import STOPS, adapter_and_history

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: DROPOUT, inference_scale: 0.75},
  learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 3, accumulate_grad_batches: ACCUMULATE,
  limit_train_batches: 6, limit_val_batches: 3, log_every_n_steps: 1, val_check_interval: INTERVAL}
early_stopping: {patience: 99}
behavior: {prompts: []}
evaluation: {enabled: false}
"""


@pytest.fixture
def train(train_with_stops):
    """Return a function that trains, stopped by signals, each at a batch, and returns what was left."""

    def train(stops=(), *, dropout=0.05, accumulate=1, interval=1.0):
        config = CONFIG
        for word, value in {"DROPOUT": dropout, "ACCUMULATE": accumulate, "INTERVAL": interval}.items():
            config = config.replace(word, str(value))
        return what_is_left(train_with_stops(config, stops))

    return train


def what_is_left(run):
    """Return what a run leaves that must not depend on whether it was stopped."""
    return adapter_and_history(run) | {"status": json.loads((run / "MANIFEST.json").read_text())["status"]}


CHAINS = [
    pytest.param({"accumulate": 2, "interval": 3}, [(signal.SIGKILL, 23), (signal.SIGKILL, 8)], id="within a step"),
    pytest.param({"accumulate": 1, "interval": 4}, [(signal.SIGINT, 14)], id="within an epoch"),
    pytest.param(
        {"accumulate": 1, "interval": 1.0},
        [(signal.SIGTERM, 12), (signal.SIGKILL, 4)],
        id="behind an epoch",
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.parametrize(("settings", "stops"), CHAINS)
def test_a_run_that_was_stopped_ends_as_one_that_never_was(train, settings, stops):
    assert train(stops, **settings) == train(**settings)


def chain(seed):
    """Return the settings of a training and the signals that stop it."""
    draw = random.Random(seed)
    settings = {
        "dropout": draw.choice([0, 0.05]),
        "accumulate": draw.choice([1, 2, 4]),
        "interval": draw.choice([1.0, 3, 4]),
    }
    return settings, [(draw.choice(STOPS), draw.randrange(1, 30)) for _ in range(draw.randrange(2, 6))]


@pytest.mark.slow
def test_sixty_runs_that_were_stopped_end_as_ones_that_never_were(train):
    whole = cache(lambda settings: train(**dict(settings)))
    different = []
    for seed in range(60):
        settings, stops = chain(seed)
        left, right = train(stops, **settings), whole(tuple(settings.items()))
        different += [f"{seed} {settings} {stops}: {name}" for name in right if left[name] != right[name]]
    assert not different, "\n".join(different)
