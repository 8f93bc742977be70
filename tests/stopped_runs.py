"""Trainings in processes of their own, stopped by signals at chosen batches, and what such runs leave."""

import hashlib
import json
import multiprocessing
import os
import signal
import sys
from itertools import count

import pytest

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
def train_with_stops(processes, tmp_path, tiny_base, rust_repository):
    """Return a function that trains in a new folder, stopped by signals, each at a batch, and returns the run's folder.

    It takes the text of a configuration, in which BASE, REPOSITORY and CACHE stand for this test's.
    """
    numbers = count()

    def train(config, stops, *settings):
        folder = tmp_path / f"run-{next(numbers)}"
        folder.mkdir()
        for word, value in {"BASE": tiny_base, "REPOSITORY": rust_repository, "CACHE": tmp_path / "cache"}.items():
            config = config.replace(word, str(value))
        (folder / "config.yaml").write_text(config)
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


def adapter_and_history(run):
    """Return the adapter's digest and the manifest's history, neither of which may depend on stops."""
    training = json.loads((run / "MANIFEST.json").read_text())["phase_results"]["phase_4_training"]
    history = [{name: value for name, value in each.items() if name != "seconds"} for each in training["history"]]
    weights = hashlib.sha256((run / "adapter/adapter_model.safetensors").read_bytes()).hexdigest()
    return {"adapter": weights, "history": history}
