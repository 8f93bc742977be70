"""A training in a process of its own, harmed at a chosen place, and what it leaves."""

import atexit
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import psutil
import yaml

from experiments.torture.failing_files import build_library
from experiments.torture.guards import taken_out

__all__ = [
    "Ended",
    "Harm",
    "ReadsFrom",
    "left_running",
    "processes",
    "run_command",
    "run_in_process",
    "what_is_left",
    "write_config",
]

_CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: 0.05}, learning_rate: 0.01}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: LENGTH, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 2, limit_train_batches: 6,
  limit_val_batches: 3, log_every_n_steps: 1}
checkpoint: {last_every_minutes: 0}
early_stopping: {patience: 99}
behavior: {prompts: []}
evaluation: {enabled: false}
"""
"""Settings of a training of a few seconds: two epochs of six micro-batches, of which two are a step."""

Harm = Callable[[], None]
"""Harms the process that it is called in, before the command begins."""
_HEAVY = [
    *("codelm.cli.lightning", "codelm.inference.tuned_model", "codelm.serving.app", "codelm.serving.server"),
    *("peft", "transformers.models.starcoder2", "torch.utils.tensorboard"),
]
_SECONDS = 900


@dataclass(frozen=True, slots=True)
class ReadsFrom:
    """Lets a process have a file as its standard input."""

    file: str

    def __call__(self) -> None:
        """Let this process read from it."""
        os.dup2(os.open(self.file, os.O_RDONLY), 0)
        sys.stdin = os.fdopen(0, encoding="utf-8")  # multiprocessing has closed Python's own


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Its exit status, or the negative number of the signal that killed it.
        said: What it wrote to standard output and error.
        seconds: How long it took.
    """

    status: int
    said: str
    seconds: float

    @property
    def errors(self) -> list[str]:
        """The lines with which it said what was wrong."""
        return [line for line in self.said.splitlines() if line.startswith("codelm: error: ")]

    @property
    def has_traceback(self) -> bool:
        """Whether it shows the insides of Python."""
        return "Traceback (most recent call last)" in self.said


@cache
def processes() -> ForkServerContext:
    """Return a maker of processes that begin with everything imported, and with the library of `FailingFiles` loaded.

    There is one such maker in a program. Without a C compiler it lacks the library.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_HEAVY)
    folder = Path(tempfile.mkdtemp(prefix="codelm-library-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if library := build_library(folder):
        os.environ["LD_PRELOAD"] = str(library)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("LD_PRELOAD", None)
    return context


def run_in_process(
    context: ForkServerContext, folder: Path, arguments: Sequence[str], harm: Harm | None = None, guard: str = ""
) -> Ended:
    """Run the command in a folder and return how it ended.

    Args:
        context: See `processes`.
        folder: The folder that it runs in.
        arguments: The command's.
        harm: What is done to the process; it is pickled.
        guard: The guard that is taken out of codelm.
    """
    log = folder / "log.txt"
    log.write_bytes(b"")
    began = time.monotonic()
    child = context.Process(target=run_command, args=(list(arguments), str(folder), harm, guard))
    child.start()
    child.join(_SECONDS)
    if child.exitcode is None:
        child.kill()
        child.join()
    status = -9 if child.exitcode is None else child.exitcode
    return Ended(status, log.read_text("utf-8", "replace"), time.monotonic() - began)


def run_command(arguments: list[str], folder: str, harm: Harm | None = None, guard: str = "") -> None:
    """Run the command in ``folder`` and end the process, which writes to the folder's ``log.txt``."""
    import torch

    from codelm.cli import main

    torch.set_num_threads(1)
    multiprocessing.set_start_method(None, force=True)  # as in a program of its own, and not as this one came about
    os.environ.pop("LD_PRELOAD", None)  # what it starts is not to be harmed
    os.chdir(folder)
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # A child of a shell's background job inherits Ctrl-C ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    sys.argv = ["codelm"]
    with ExitStack() as stack:
        stack.enter_context(taken_out(guard))
        if harm:
            harm()
        status = main(arguments)
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def write_config(
    folder: Path, base: Path, repository: Path, cache: Path, *, sequence_length: int = 64, **changes: str
) -> None:
    """Write ``config.yaml`` of a training of a few seconds.

    Args:
        folder: Where to.
        base: The base.
        repository: The repository.
        cache: The folder of the stores.
        sequence_length: Tokens in a row.
        changes: Groups of settings that take the place of those with their names.
    """
    config = _CONFIG
    values = {"BASE": base, "REPOSITORY": repository, "CACHE": cache, "LENGTH": sequence_length}
    for word, value in values.items():
        config = config.replace(word, str(value))
    groups = yaml.safe_load(config) | {name: yaml.safe_load(text) for name, text in changes.items()}
    (folder / "config.yaml").write_text(yaml.safe_dump(groups))


def left_running(folder: Path, seconds: float = 20.0) -> list[str]:
    """Return the commands of processes that still work in a folder after a while, by which all should have ended."""
    end = time.monotonic() + seconds
    while (found := list(_working_in(folder))) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def _working_in(folder: Path) -> Iterator[str]:
    place = str(folder.resolve())
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if each.cwd() == place and each.status() != psutil.STATUS_ZOMBIE:
                yield " ".join(each.cmdline())


def what_is_left(run: Path) -> dict[str, Any]:
    """Return what a run leaves that must not depend on whether it was stopped: adapter, history, status, files."""
    manifest = json.loads((run / "MANIFEST.json").read_text())
    validations = manifest["phase_results"]["phase_4_training"]["history"]
    history = [{name: value for name, value in each.items() if name != "seconds"} for each in validations]
    weights = hashlib.sha256((run / "adapter/adapter_model.safetensors").read_bytes()).hexdigest()
    files = sorted(str(each.relative_to(run)) for each in run.rglob("*") if ".out." not in each.name)
    return {"adapter": weights, "history": history, "status": manifest["status"], "files": files}
