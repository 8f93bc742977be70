import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from codelm.errors import InputError
from codelm.modules import LoRA
from codelm.modules.adapter_targets import LLAMA_TARGETS, refuse_unknown_targets
from codelm.modules.four_bits import kernel_warning_hidden

LAYERS = ["model.layers.0.self_attn.q_proj", "model.layers.0.mlp.c_fc"]


@pytest.mark.parametrize("targets", [["c_attn"], ["q_proj", "c_attn"], ["fc"], ["lm_head"], []])
def test_a_target_that_matches_no_layer_is_refused_with_the_real_names(targets):
    with pytest.raises(InputError, match="it has c_fc, q_proj"):
        refuse_unknown_targets(targets, LAYERS, base="some")


def test_for_layers_like_llamas_the_configuration_that_names_them_is_given():
    like_llama = [f"model.layers.0.self_attn.{name}" for name in LLAMA_TARGETS]
    with pytest.raises(InputError, match=r"v_proj; --config configs/bases/llama\.yaml behind the other configurations"):
        refuse_unknown_targets(["c_fc"], like_llama, base="some")
    with pytest.raises(InputError, match=r"it has c_fc, q_proj$"):
        refuse_unknown_targets(["up_proj"], LAYERS, base="some")


def test_the_configuration_for_bases_like_llama_names_their_layers():
    text = (Path(__file__).parents[2] / "configs/bases/llama.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["model"]["lora"]["targets"] == list(LLAMA_TARGETS)


@pytest.mark.parametrize("targets", [["q_proj"], ["mlp.c_fc", "q_proj"], LAYERS])
def test_a_target_is_a_layers_name_or_the_end_of_it(targets):
    refuse_unknown_targets(targets, LAYERS, base="some")


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("extra", [{}, {"rslora": True}, {"dora": True}], ids=["plain", "rslora", "dora"])
def test_fresh_adapters_change_nothing(adapted, make_batch, quantization, extra):
    model = adapted(quantization=quantization, lora=LoRA(dropout=0.0, **extra))
    batch = make_batch([20, 10])
    with model.base_disabled():
        base = model(batch)
    torch.testing.assert_close(model(batch), base, rtol=1e-4, atol=1e-4)


def test_settings_reach_the_adapters(adapted):
    model = adapted(lora=LoRA(r=4, alpha=12, dropout=0.25, targets=["q_proj"], rslora=True))
    layer = model.language_model.model.layers[0].self_attn.q_proj
    assert layer.lora_A["default"].weight.shape == (4, 16)
    assert layer.scaling["default"] == 12 / 4**0.5
    assert layer.lora_dropout["default"].p == 0.25


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_an_adapter_is_scaled_wherever_it_is_not_trained_and_saved_so(adapted, make_batch, tmp_path, quantization):
    lora = LoRA(r=4, alpha=8, dropout=0.0)
    plain, scaled = (
        adapted(quantization=quantization, lora=each) for each in (lora, replace(lora, inference_scale=0.5))
    )
    batch, states = make_batch([20, 10]), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for (_, one), (_, other) in zip(plain.trained(), scaled.trained(), strict=True):
            one.copy_(torch.randn(one.shape, generator=states) / 4)
            other.copy_(one)
    torch.testing.assert_close(scaled.train()(batch), plain.train()(batch))
    half = scaled.eval()(batch)
    assert not torch.allclose(half, plain.eval()(batch), rtol=1e-2)
    with torch.no_grad():
        for name, one in plain.trained():
            one.mul_(0.5 if "lora_B" in name else 1)
    torch.testing.assert_close(half, plain(batch))
    scaled.save_adapter(tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["lora_alpha"] == 4
    torch.testing.assert_close(scaled.train()(batch), scaled.eval().train()(batch))


def test_lengths_that_dora_learns_are_not_scaled():
    with pytest.raises(InputError, match=r"give 1 with model\.lora\.dora"):
        LoRA(dora=True, inference_scale=0.5)


def test_coverage_counts_layers_and_parameters(adapted):
    coverage = adapted(quantization="nf4", lora=LoRA(r=4, targets=["q_proj", "c_fc"])).coverage
    assert coverage.adapted_layers == {"q_proj": 2, "c_fc": 2}
    assert coverage.linear_layers == 12
    assert coverage.trainable_parameters == 2 * (4 * (16 + 16) + 4 * (16 + 64))


def test_every_default_target_is_on_every_layer(adapted):
    coverage = adapted().coverage
    assert set(coverage.adapted_layers.values()) == {2}
    assert sum(coverage.adapted_layers.values()) == coverage.linear_layers


def test_the_warning_of_bitsandbytes_is_hidden_for_a_while_alone(caplog):
    logger = logging.getLogger("bitsandbytes.backends.cpu.ops")
    with kernel_warning_hidden():
        logger.warning("hidden")
    logger.warning("shown")
    assert caplog.messages == ["shown"]
