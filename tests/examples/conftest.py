"""A run by ``codelm fit``, as the examples find one: on a small history, with a base of some ten thousand weights."""

import runpy
import sys
from pathlib import Path

import pytest

from codelm.cli import main
from tests.cli.short_runs import filled

EXAMPLES = Path(__file__).parents[2] / "examples"
SHORT = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {repo: REPOSITORY, sequence_length: 512, batch_size: 2, held_out: 0.3, formats: {fim_format: starcoder2-spm}}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, accumulate_grad_batches: 1, limit_train_batches: 3,
  limit_val_batches: 2}
behavior: {prompts: []}
evaluation: {enabled: false}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty current folder, and no cache of the user's."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def example(monkeypatch, capsys):
    """Run an example as a program in this process, and return the lines that it prints."""

    def run(name, *arguments):
        path = str(EXAMPLES / name)
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        capsys.readouterr()
        runpy.run_path(path, run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def run(tmp_path, roomy_base, rust_repository, monkeypatch):
    """The folder of a run."""
    (tmp_path / "short.yaml").write_text(filled(SHORT, BASE=roomy_base, REPOSITORY=rust_repository))
    monkeypatch.setattr(sys, "argv", ["codelm"])
    assert main(["fit", "--quiet", "--config", str(tmp_path / "short.yaml"), "--name=numbers"]) == 0
    return Path("runs/numbers/version_0").absolute()
