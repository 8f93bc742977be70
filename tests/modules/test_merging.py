import pytest
import torch

from codelm.modules import LoRA
from codelm.modules.base_model import load_base
from codelm.modules.merging import merge_adapter, with_saved_adapter

IDS = torch.arange(30, 60)[None]


@pytest.fixture
def saved(adapted, tmp_path):
    """Return a function that saves an adapter that changes its base, and returns the model."""

    def save(lora):
        module = adapted(lora=lora).eval()
        for name, parameter in module.trained():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.5)
        module.save_adapter(tmp_path)
        return module

    return save


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS, use_cache=False).logits


@pytest.mark.parametrize(
    "lora",
    [
        LoRA(r=4, targets=["q_proj", "c_proj"], inference_scale=0.5),
        LoRA(r=4, rslora=True),
        LoRA(r=4, dora=True, targets=["c_fc"]),
    ],
    ids=["scaled", "rslora", "dora"],
)
def test_a_merged_base_computes_as_base_and_adapter_do(saved, tiny_base, tmp_path, lora):
    module = saved(lora)
    adapted = with_saved_adapter(load_base(str(tiny_base)), tmp_path)
    torch.testing.assert_close(logits(adapted), logits(module.language_model), rtol=1e-5, atol=1e-5)
    merged = merge_adapter(adapted)
    assert type(merged).__name__ == "Starcoder2ForCausalLM"
    torch.testing.assert_close(logits(merged), logits(module.language_model), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(merged), logits(load_base(str(tiny_base))), atol=0.1)


def test_a_base_in_16_bits_is_merged_in_32_and_rounded_once(saved, tiny_base, tmp_path):
    saved(LoRA(r=4, alpha=8, targets=["c_fc"]))
    base, whole = (load_base(str(tiny_base), dtype=dtype) for dtype in (torch.float16, torch.float16))
    merged = merge_adapter(with_saved_adapter(base, tmp_path))
    layer = with_saved_adapter(whole, tmp_path).base_model.model.model.layers[1].mlp.c_fc
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    exact = layer.base_layer.weight.float() + 2 * product
    assert merged.dtype == torch.float16
    assert torch.equal(merged.model.layers[1].mlp.c_fc.weight, exact.half())
    assert torch.equal(merged.model.layers[1].mlp.c_proj.weight, whole.model.layers[1].mlp.c_proj.weight)
