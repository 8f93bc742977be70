import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from experiments.torture.subjects import merging_tokenizer


@pytest.fixture(scope="session")
def merging_base(roomy_base, tmp_path_factory):
    """The base of the finished run with a tokenizer that merges: GGUF has no other."""
    folder = tmp_path_factory.mktemp("merging") / "base"
    shutil.copytree(roomy_base, folder)
    merging_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def run_copy(tuned_run, tmp_path):
    """A copy of the run's folder, to be written to."""
    folder = tmp_path / "runs" / "numbers" / "version_0"
    shutil.copytree(tuned_run[0], folder)
    return folder


@pytest.fixture(scope="session")
def learned_run(tuned_run, merging_base, shared_rust_repository, tmp_path_factory):
    """A run that no test may change, as if it had learned a small history with a tokenizer that merges."""
    import yaml

    from codelm.modules.base_identity import identify

    folder = tmp_path_factory.mktemp("runs") / "numbers" / "version_0"
    shutil.copytree(tuned_run[0], folder)
    shutil.copy(merging_base / "tokenizer.json", folder / "adapter")
    config, manifest = (folder / name for name in ("config.yaml", "MANIFEST.json"))
    settings, known = yaml.safe_load(config.read_text()), json.loads(manifest.read_text())
    settings["model"]["base"] = known["model"]["base"] = str(merging_base)
    known["model"]["base_identity"] = asdict(identify(str(merging_base)))
    cache = str(tmp_path_factory.mktemp("cache"))
    data = {"repo": str(shared_rust_repository), "cache": cache, "sequence_length": 256, "held_out": 0.3}
    settings |= {"data": settings["data"] | data, "seed_everything": 42}
    config.write_text(yaml.safe_dump(settings))
    manifest.write_text(json.dumps(known))
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
