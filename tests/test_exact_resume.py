"""Runs that are stopped again and again, at random, end as a run that nobody stopped."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
from functools import cache
from itertools import count

import pytest

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: DROPOUT}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 3, accumulate_grad_batches: ACCUMULATE,
  limit_train_batches: 6, limit_val_batches: 3, log_every_n_steps: 1, val_check_interval: INTERVAL}
early_stopping: {patience: 99}
behavior: {prompts: []}
evaluation: {enabled: false}
"""
STOPS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


def run_until(arguments, folder, number, batch):
    """Run the command in ``folder``, and send this process a signal where it begins a batch; the process's target."""
    import torch

    from codelm.cli import main
    from codelm.modules import CausalLM

    torch.set_num_threads(1)
    os.chdir(folder)
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    weighted_nll, begun = CausalLM.weighted_nll, []

    def counted(self, rows):
        begun.append(rows)
        if len(begun) == batch:
            os.kill(os.getpid(), number)
        return weighted_nll(self, rows)

    CausalLM.weighted_nll = counted
    for each in STOPS[1:]:
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
    sys.argv = ["codelm"]
    os._exit(main(arguments))


@pytest.fixture(scope="module")
def processes():
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    heavy = ["codelm.cli.lightning", "peft", "transformers.models.starcoder2", "torch.utils.tensorboard"]
    context.set_forkserver_preload(heavy)
    return context


@pytest.fixture
def train(processes, tmp_path, tiny_base, rust_repository):
    """Return a function that trains in a new folder, stopped by signals, each at a batch, and returns what was left."""
    numbers = count()

    def train(stops=(), *, dropout=0.05, accumulate=1, interval=1.0):
        folder = tmp_path / f"run-{next(numbers)}"
        folder.mkdir()
        values = {"BASE": tiny_base, "REPOSITORY": rust_repository, "CACHE": tmp_path / "cache"}
        values |= {"DROPOUT": dropout, "ACCUMULATE": accumulate, "INTERVAL": interval}
        text = CONFIG
        for word, value in values.items():
            text = text.replace(word, str(value))
        (folder / "config.yaml").write_text(text)
        for number, batch in [*stops, (0, 0)]:
            resume = ["--ckpt_path=last"] if list(folder.glob("runs/*/*/checkpoints/last.ckpt")) else []
            words = ["fit", "--config", "config.yaml", "--name=run", *resume]
            child = processes.Process(target=run_until, args=(words, str(folder), number, batch))
            child.start()
            child.join(300)
            if child.exitcode == 0:
                break
            assert number, (folder / "log.txt").read_text()
            assert child.exitcode in (-number, 128 + number), (folder / "log.txt").read_text()
        return what_is_left(max(folder.glob("runs/run/version_*"), key=lambda each: int(each.name[8:])))

    return train


def what_is_left(run):
    """Return what a run leaves that must not depend on whether it was stopped."""
    manifest = json.loads((run / "MANIFEST.json").read_text())
    training = manifest["phase_results"]["phase_4_training"]
    history = [{name: value for name, value in each.items() if name != "seconds"} for each in training["history"]]
    weights = hashlib.sha256((run / "adapter/adapter_model.safetensors").read_bytes()).hexdigest()
    return {"adapter": weights, "history": history, "status": manifest["status"]}


CHAINS = [
    ({"accumulate": 1, "interval": 1.0}, [(signal.SIGTERM, 12), (signal.SIGKILL, 4)]),
    ({"accumulate": 2, "interval": 3}, [(signal.SIGKILL, 23), (signal.SIGKILL, 8)]),
    ({"accumulate": 1, "interval": 4}, [(signal.SIGINT, 14)]),
]


@pytest.mark.parametrize(("settings", "stops"), CHAINS, ids=["epoch", "within-step", "within-epoch"])
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
