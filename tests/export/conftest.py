import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def run_copy(tuned_run, tmp_path):
    """A copy of the run's folder, to be written to."""
    folder = tmp_path / "runs" / "numbers" / "version_0"
    shutil.copytree(tuned_run[0], folder)
    return folder


@pytest.fixture
def run_with_history(learned_run, tmp_path):
    """A copy of `learned_run`, to be written to."""
    return Path(shutil.copytree(learned_run, tmp_path / "learned" / "numbers" / "version_0"))


@pytest.fixture(scope="session")
def make_source(tuned_run):
    """Return a function that gives what can be exported of a run's folder; by default no test may change it."""
    from codelm.export.source import find_source
    from codelm.saved_run import SavedRun

    return lambda folder=tuned_run[0], base=None: find_source(SavedRun(folder), base)


@pytest.fixture
def change_manifest(run_copy):
    """Return a function that replaces values of the copied run's manifest."""

    def change(**values):
        path = run_copy / "MANIFEST.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return run_copy

    return change


@pytest.fixture(scope="session")
def probe():
    """Return a function that gives a model's logits on some bytes, in float32."""
    import torch

    def logits(model):
        with torch.no_grad():
            model = model if model.dtype == torch.float32 else model.float()  # which a quantised one refuses
            return model(input_ids=torch.arange(30, 60)[None], use_cache=False).logits

    return logits
