"""Fixtures of a finished run: a base of two layers with an adapter of random weights, as a training leaves them."""

import json
import shutil
from dataclasses import asdict

import pytest

from experiments.torture.subjects import merging_tokenizer


@pytest.fixture(scope="session")
def roomy_base(tiny_base, tmp_path_factory):
    """The tiny base with 1,024 positions."""
    folder = tmp_path_factory.mktemp("bases") / "roomy"
    shutil.copytree(tiny_base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 1024}))
    return folder


@pytest.fixture(scope="session")
def make_tuned_run(roomy_base, tmp_path_factory):
    """Return a function that writes a run's folder, and returns it with the model that was saved there.

    ``base`` is the run's base, ``spread`` how far its adapter is from none.
    """
    import torch
    import yaml

    from codelm.modules import LoRA, LoRACausalLM
    from codelm.modules.base_identity import identify

    def make(base=str(roomy_base), spread=0.5, **lora):
        torch.manual_seed(0)
        settings = LoRA(r=2, targets=["q_proj", "c_fc"], inference_scale=0.5, **lora)
        module = LoRACausalLM(base, quantization="none", lora=settings)
        module.configure_model()
        for name, parameter in module.trained():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=spread)
        folder = tmp_path_factory.mktemp("runs") / "numbers" / "version_0"
        folder.mkdir(parents=True)
        module.save_adapter(folder / "adapter")
        model = {"base": base, "quantization": "none", "lora": asdict(settings)}
        data = {"formats": {"fim_format": "starcoder2"}, "sequence_length": 1024}
        (folder / "config.yaml").write_text(yaml.safe_dump({"model": model, "data": data}))
        identity = {"base": base, "base_identity": asdict(identify(base))}
        phases = {"phase_1_scrape": {"repositories": [{"name": "numbers"}]}}
        manifest = {"codelm_manifest": 1, "status": "completed", "model": identity, "phase_results": phases}
        (folder / "MANIFEST.json").write_text(json.dumps(manifest))
        return folder, module.eval()

    return make


@pytest.fixture(scope="session")
def tuned_run(make_tuned_run):
    """A run's folder, which no test may change, and the model that was saved there."""
    return make_tuned_run()


@pytest.fixture(scope="session")
def merging_base(roomy_base, tmp_path_factory):
    """The base of the finished run with a tokenizer that merges: GGUF has no other."""
    folder = tmp_path_factory.mktemp("merging") / "base"
    shutil.copytree(roomy_base, folder)
    merging_tokenizer().save_pretrained(folder)
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
