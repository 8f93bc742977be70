"""StarCoder2-3B in its full shape, with random weights: its real ones cannot be had without a download."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.memory import PUBLISHED

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]

ONE_SHORT_STEP = [
    *("--data.sequence_length=128", "--data.batch_size=1", "--trainer.accumulate_grad_batches=1"),
    *("--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1"),
    *("--behavior.prompts=[]", "--trainer.accelerator=cpu"),
]


@pytest.fixture
def full_shape(tmp_path, tiny_base):
    """A folder with the full-shape model, 6 GB in bfloat16, and a tokenizer of one token per byte."""
    import torch
    from transformers import AutoTokenizer, Starcoder2Config, Starcoder2ForCausalLM

    torch.manual_seed(0)
    folder = tmp_path / "starcoder2-3b"
    config = Starcoder2Config(**PUBLISHED, rope_parameters={"rope_type": "default", "rope_theta": 999999.44})
    with torch.device("meta"):
        model = Starcoder2ForCausalLM(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    model.tie_weights()
    for name, parameter in model.named_parameters():
        torch.nn.init.ones_(parameter) if "norm" in name else torch.nn.init.normal_(parameter, std=0.02)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(folder)
    return folder


def test_it_loads_in_4_bit_and_takes_a_step_on_a_cpu(full_shape, rust_repository, tmp_path):
    command = [sys.executable, "-m", "codelm", "fit", "--config", ROOT / "configs" / "rust.yaml", *ONE_SHORT_STEP]
    places = [f"--model.base={full_shape}", f"--data.repo={rust_repository}", f"--data.cache={tmp_path / 'cache'}"]
    done = subprocess.run(
        [*command, *places, f"--output={tmp_path / 'runs'}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (manifest,) = (json.loads(path.read_text()) for path in tmp_path.glob("runs/*/*/MANIFEST.json"))
    print(json.dumps(manifest["hardware"]), json.dumps(manifest["phase_results"]["phase_4_training"]))
    coverage = manifest["model"]["coverage"]
    assert coverage["linear_layers"] == 180 == sum(coverage["adapted_layers"].values())
    assert manifest["phase_results"]["phase_4_training"]["training_stats"]["final_val_loss"] > 0
    assert manifest["hardware"]["peaks"]["ram_gib"] < 16
