"""Fixtures of a finished run: a base of two layers with an adapter of random weights, as a training leaves them."""

import json
import shutil
from dataclasses import asdict

import pytest


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
    """Return a function that writes a run's folder, and returns it with the model that was saved there."""
    import torch
    import yaml

    from codelm.modules import LoRA, LoRACausalLM
    from codelm.modules.base_identity import identify

    def make(**lora):
        torch.manual_seed(0)
        settings = LoRA(r=2, targets=["q_proj", "c_fc"], inference_scale=0.5, **lora)
        module = LoRACausalLM(str(roomy_base), quantization="none", lora=settings)
        module.configure_model()
        for name, parameter in module.trained():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.5)
        folder = tmp_path_factory.mktemp("runs") / "numbers" / "version_0"
        folder.mkdir(parents=True)
        module.save_adapter(folder / "adapter")
        model = {"base": str(roomy_base), "quantization": "none", "lora": asdict(settings)}
        data = {"formats": {"fim_format": "starcoder2"}, "sequence_length": 1024}
        (folder / "config.yaml").write_text(yaml.safe_dump({"model": model, "data": data}))
        identity = {"base": str(roomy_base), "base_identity": asdict(identify(str(roomy_base)))}
        phases = {"phase_1_scrape": {"repositories": [{"name": "numbers"}]}}
        manifest = {"codelm_manifest": 1, "status": "completed", "model": identity, "phase_results": phases}
        (folder / "MANIFEST.json").write_text(json.dumps(manifest))
        return folder, module.eval()

    return make


@pytest.fixture(scope="session")
def tuned_run(make_tuned_run):
    """A run's folder, which no test may change, and the model that was saved there."""
    return make_tuned_run()
