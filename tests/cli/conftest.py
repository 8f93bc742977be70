"""Fixtures of short runs by one command, on a small history and a base of some ten thousand random weights."""

import sys

import pytest

from codelm.cli import main
from tests import network
from tests.cli.short_runs import filled

SHORT = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3, context_weight: 0.0}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 1, limit_train_batches: 3,
  limit_val_batches: 2, log_every_n_steps: 1}
behavior: {prompts: ["fn main"], max_new_tokens: 2}
evaluation: {enabled: false}
"""


@pytest.fixture(scope="session", autouse=True)
def _watch():
    network.watch()


@pytest.fixture(autouse=True)
def _other_machines():
    """Whatever a command does here, it reaches for no other machine."""
    network.reached.clear()
    yield
    assert network.reached == []


@pytest.fixture
def repository(make_repository):
    """Twenty commits, each of which adds a function."""
    functions = [f"/// Number {number}.\npub fn value_{number}() -> usize {{ {number} }}\n" for number in range(20)]
    commits = [{"src/lib.rs": "\n".join(functions[: number + 1])} for number in range(20)]
    return make_repository(commits, name="numbers/.git", bare=True)


@pytest.fixture
def config():
    """The configuration of a short run."""
    return SHORT


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_base, repository, config):
    """An empty current folder, with the configuration of a short run beside it."""
    text = filled(config, BASE=tiny_base, REPOSITORY=repository, CACHE=tmp_path / "cache")
    (tmp_path / "short.yaml").write_text(text)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["codelm"])
    return tmp_path / "here"


@pytest.fixture
def codelm(folder, capsys):
    """Run the command and return its status and what it wrote to standard error."""

    def run(command, *arguments):
        status = main([command, "--config", str(folder.parent / "short.yaml"), *map(str, arguments)])
        return status, capsys.readouterr().err

    return run
