"""Runs whose process is killed or stopped at any moment, again and again, end as a run that nobody stopped."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
from itertools import count

import pytest

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: 0.0}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 2, limit_train_batches: 6,
  limit_val_batches: 3, log_every_n_steps: 1}
checkpoint: {last_every_minutes: 0}
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
    """Return a function that trains in a new folder, stopped by signals, each at a batch; what is left, and the run."""
    numbers = count()

    def train(stops=(), *settings):
        folder = tmp_path / f"run-{next(numbers)}"
        folder.mkdir()
        text = CONFIG
        for word, value in {"BASE": tiny_base, "REPOSITORY": rust_repository, "CACHE": tmp_path / "cache"}.items():
            text = text.replace(word, str(value))
        (folder / "config.yaml").write_text(text)
        for number, batch in [*stops, (0, 0)]:
            resume = ["--ckpt_path=last"] if list(folder.glob("runs/*/*/checkpoints/last.ckpt")) else []
            words = ["fit", "--config", "config.yaml", "--name=run", *settings, *resume]
            child = processes.Process(target=run_until, args=(words, str(folder), number, batch))
            child.start()
            child.join(300)
            if child.exitcode == 0:
                break
            assert number, (folder / "log.txt").read_text()
            assert child.exitcode in (-number, 128 + number), (folder / "log.txt").read_text()
        return max(folder.glob("runs/run/version_*"), key=lambda each: int(each.name[8:]))

    return train


def left_by(run):
    """What a run leaves that must not depend on whether it was stopped."""
    training = json.loads((run / "MANIFEST.json").read_text())["phase_results"]["phase_4_training"]
    history = [{name: value for name, value in each.items() if name != "seconds"} for each in training["history"]]
    weights = hashlib.sha256((run / "adapter/adapter_model.safetensors").read_bytes()).hexdigest()
    checkpoints = sorted(path.name for path in (run / "checkpoints").iterdir())
    return {"adapter": weights, "history": history, "checkpoints": checkpoints}


CHAINS = [
    ([(signal.SIGKILL, 5), (signal.SIGKILL, 4)], []),
    ([(signal.SIGTERM, 9), (signal.SIGKILL, 9), (signal.SIGINT, 2)], ["--trainer.val_check_interval=3"]),
    ([(signal.SIGKILL, 12), (signal.SIGTERM, 8)], ["--trainer.max_steps=6", "--trainer.max_epochs=9"]),
    ([(signal.SIGTERM, 4)], ["--trainer.limit_train_batches=0.2"]),
    ([(signal.SIGTERM, 20), (signal.SIGINT, 2)], ["--trainer.accumulate_grad_batches=4"]),
]


@pytest.mark.parametrize(
    ("stops", "settings"), CHAINS, ids=["epochs", "within an accumulation", "steps", "a share", "within validations"]
)
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
