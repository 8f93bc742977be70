import json

import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file, save_file

from codelm.errors import DamagedDataError, InputError
from codelm.export.gguf_adapter import Matrices, adapter_matrices, refuse_unlike_lora, write_gguf_adapter
from codelm.export.read_back import add_gguf_adapter
from codelm.modules import LoRA, LoRACausalLM
from codelm.modules.base_model import load_base
from codelm.modules.merging import with_saved_adapter

FACTS = {"name": "numbers", "base": "some/base"}
PLAIN = {"peft_type": "LORA", "bias": "none", "use_dora": False, "rank_pattern": {}}


@pytest.fixture
def written(tiny_base, tmp_path):
    """Return a function that saves an adapter, writes it as GGUF, and returns the folder and the file."""

    def write(lora):
        torch.manual_seed(0)
        module = LoRACausalLM(str(tiny_base), quantization="none", lora=lora)
        module.configure_model()
        for name, parameter in module.trained():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.5)
        module.save_adapter(tmp_path)
        config = json.loads((tmp_path / "adapter_config.json").read_text())
        write_gguf_adapter(tmp_path / "a.gguf", config, adapter_matrices(tmp_path), 2, FACTS)
        return tmp_path, tmp_path / "a.gguf"

    return write


def test_matrices_and_keys_are_those_that_llama_cpp_reads(written):
    folder, file = written(LoRA(r=4, alpha=8, inference_scale=0.75))
    reader = GGUFReader(file)
    keys = {name: field.contents() for name, field in reader.fields.items()}
    known_as = [keys[f"general.{name}"] for name in ("type", "architecture", "name")]
    assert known_as == ["adapter", "starcoder2", "numbers"]
    assert [keys["adapter.type"], keys["adapter.lora.alpha"]] == ["lora", 6.0]
    saved = load_file(folder / "adapter_model.safetensors")
    tensors = {tensor.name: torch.from_numpy(tensor.data.copy()) for tensor in reader.tensors}
    layers = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"]
    assert set(tensors) == {f"blk.{n}.{layer}.weight.lora_{x}" for n in (0, 1) for layer in layers for x in "ab"}
    prefix = "base_model.model.model.layers.1.mlp.c_fc"
    assert torch.equal(tensors["blk.1.ffn_up.weight.lora_a"], saved[f"{prefix}.lora_A.weight"])
    assert torch.equal(tensors["blk.1.ffn_up.weight.lora_b"], saved[f"{prefix}.lora_B.weight"])


@pytest.mark.parametrize("rslora", [False, True])
def test_a_base_with_it_computes_as_with_the_adapter(written, tiny_base, probe, rslora):
    folder, file = written(LoRA(r=4, alpha=8, rslora=rslora, targets=["v_proj", "c_proj"]))
    assert GGUFReader(file).fields["adapter.lora.alpha"].contents() == (16 if rslora else 8)
    bare = probe(load_base(str(tiny_base)))
    adapted = probe(with_saved_adapter(load_base(str(tiny_base)), folder))
    found = probe(add_gguf_adapter(load_base(str(tiny_base)), file))
    torch.testing.assert_close(found, adapted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, bare, atol=0.1)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"use_dora": True}, "lengths of DoRA"),
        ({"rank_pattern": {"q_proj": 4}}, "ranks that differ"),
        ({"alpha_pattern": {"q_proj": 4}}, "scales that differ"),
        ({"modules_to_save": ["lm_head"]}, "whole layers"),
        ({"bias": "all"}, "biases"),
        ({"lora_bias": True}, "biases"),
        ({"peft_type": "IA3"}, "kind IA3"),
    ],
)
def test_more_than_two_matrices_a_layer_is_refused(change, what):
    refuse_unlike_lora(PLAIN)
    with pytest.raises(InputError, match=rf"{what}.*: export --format gguf"):
        refuse_unlike_lora(PLAIN | change)


@pytest.mark.parametrize("key", ["x", "base_model.model.a.lora_A.weight"])
def test_a_file_of_something_else_is_damaged(tmp_path, key):
    save_file({key: torch.zeros(1)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(DamagedDataError, match=r"adapter_model\.safetensors"):
        adapter_matrices(tmp_path)


def test_a_layer_that_a_starcoder2_has_not_is_refused(tmp_path):
    matrices = {"model.layers.0.mlp.gate_proj": Matrices(torch.zeros(2, 4), torch.zeros(4, 2))}
    config = PLAIN | {"r": 2, "lora_alpha": 4}
    with pytest.raises(InputError, match="gate_proj"):
        write_gguf_adapter(tmp_path / "a.gguf", config, matrices, 1, FACTS)
