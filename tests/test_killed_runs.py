"""Runs whose process is killed or stopped at any moment, again and again, end as a run that nobody stopped."""

import random
import signal

import pytest

from tests.stopped_runs import STOPS, adapter_and_history

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: 0.0}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 2, limit_train_batches: 6,
  limit_val_batches: 3, log_every_n_steps: 1}
checkpoint: {last_every_minutes: 0}
behavior: {prompts: []}
evaluation: {enabled: false}
"""


@pytest.fixture
def train(train_with_stops):
    """Return a function that trains with some settings, stopped by signals, each at a batch; the run's folder."""
    return lambda stops=(), *settings: train_with_stops(CONFIG, stops, *settings)


def left_by(run):
    """What a run leaves that must not depend on whether it was stopped."""
    return adapter_and_history(run) | {"checkpoints": sorted(path.name for path in (run / "checkpoints").iterdir())}


CHAINS = [
    pytest.param(
        [(signal.SIGTERM, 9), (signal.SIGKILL, 9), (signal.SIGINT, 2)],
        ["--trainer.val_check_interval=3"],
        id="within an accumulation",
    ),
    pytest.param(
        [(signal.SIGTERM, 20), (signal.SIGINT, 2)],
        ["--trainer.accumulate_grad_batches=4"],
        id="within validations",
        marks=pytest.mark.slow,
    ),
    pytest.param([(signal.SIGKILL, 5), (signal.SIGKILL, 4)], [], id="epochs", marks=pytest.mark.slow),
    pytest.param(
        [(signal.SIGKILL, 12), (signal.SIGTERM, 8)],
        ["--trainer.max_steps=6", "--trainer.max_epochs=9"],
        id="steps",
        marks=pytest.mark.slow,
    ),
    pytest.param([(signal.SIGTERM, 4)], ["--trainer.limit_train_batches=0.2"], id="a share", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("stops", "settings"), CHAINS)
def test_a_run_that_was_killed_ends_as_one_that_never_was(train, stops, settings):
    whole, stopped = train((), *settings), train(stops, *settings)
    assert left_by(stopped) == left_by(whole)


@pytest.mark.slow
def test_sixty_runs_that_were_killed_end_as_ones_that_never_were(train):
    undisturbed, different = {}, []
    for seed in range(60):
        draw = random.Random(seed)
        accumulate, interval = draw.choice([1, 2, 4]), draw.choice(["1.0", "2", "3"])
        settings = [f"--trainer.accumulate_grad_batches={accumulate}", f"--trainer.val_check_interval={interval}"]
        settings += draw.choice([[], ["--trainer.max_steps=5"], ["--checkpoint.save_top_k=2"]])
        stops = [(draw.choice(STOPS), draw.randrange(1, 24)) for _ in range(draw.randrange(1, 6))]
        if tuple(settings) not in undisturbed:
            undisturbed[tuple(settings)] = left_by(train((), *settings))
        wanted, found = undisturbed[tuple(settings)], left_by(train(stops, *settings))
        different += [f"{seed} {settings} {stops}: {name}" for name in wanted if wanted[name] != found[name]]
    assert not different, "\n".join(different)
