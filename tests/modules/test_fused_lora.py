"""A linear layer with its adapter as one function gives what PEFT's own forward pass gives."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from codelm.modules import LoRA
from codelm.modules.fused_lora import fuse_adapters, whole_weights


@pytest.fixture
def layers(adapted):
    """Return a function that returns a model's layer twice: as PEFT computes it, and as one function."""

    def make(target="q_proj", quantization="none", **lora):
        model = adapted(quantization=quantization, lora=LoRA(r=4, **{"dropout": 0.0, **lora})).train()
        fused = next(module for name, module in model.named_modules() if name.endswith(target))
        torch.nn.init.normal_(fused.lora_B["default"].weight, std=0.1)
        plain = copy.copy(fused)
        del vars(plain)["forward"]
        return plain, fused

    return make


def data(layer, tokens=40):
    """Return an input, and weights of an output."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, tokens, layer.in_features, generator=generator)
    return x, torch.randn(2, tokens, layer.out_features, generator=generator)


def compute(layer, x, weights):
    """Return the output for an input, and the gradients of the input and of the adapter."""
    x = x.clone().requires_grad_()
    output = layer(x)
    parameters = [x, layer.lora_A["default"].weight, layer.lora_B["default"].weight]
    return [output.detach(), *torch.autograd.grad((output.float() * weights).sum(), parameters)]


def assert_alike(found, expected, share):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), other.float(), rtol=0, atol=share * float(other.abs().max()))


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("target", ["q_proj", "k_proj", "c_fc", "c_proj"])
def test_output_and_gradients_are_those_of_peft(layers, quantization, target):
    plain, fused = layers(target, quantization)
    assert_alike(compute(fused, *data(fused)), compute(plain, *data(fused)), 1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_under_autocast_they_are_as_near_to_exact_ones_and_the_output_has_its_type(layers, dtype):
    plain, fused = layers("c_fc")
    exact = compute(plain, *data(fused))
    with torch.autocast("cpu", dtype):
        found, peft = (compute(layer, *data(fused)) for layer in (fused, plain))
    assert found[0].dtype == dtype

    def furthest(some):
        return [float((one - other).abs().max() / other.abs().max()) for one, other in zip(some, exact, strict=True)]

    assert all(ours < 1.5 * theirs for ours, theirs in zip(furthest(found), furthest(peft), strict=True))


def test_dropout_is_drawn_once_for_both_passes(layers):
    _, fused = layers(dropout=0.5)
    x, weights = data(fused)
    torch.manual_seed(3)
    output, of_x, of_narrow, _ = compute(fused, x, weights)
    fused.eval()
    without = fused(x)
    base = fused.get_base_layer()(x)
    fused.train()
    torch.manual_seed(3)
    again, *_ = compute(fused, x, weights)
    assert torch.equal(output, again)
    # The output is linear in A and in x: along either, the gradient gives what the adapter itself adds.
    narrow = fused.lora_A["default"].weight
    torch.testing.assert_close((of_narrow * narrow).sum(), ((output - base) * weights).sum(), rtol=1e-3, atol=1e-3)
    bias = fused.get_base_layer().bias
    linear = output if bias is None else output - bias
    torch.testing.assert_close((of_x * x).sum(), (linear * weights).sum(), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(output, without, atol=1e-3)


def test_dropout_sets_its_share_to_0_and_keeps_the_mean(layers):
    _, fused = layers(dropout=0.3)
    narrow, wide = fused.lora_A["default"].weight, fused.lora_B["default"].weight
    width = fused.in_features
    with torch.no_grad():
        narrow.zero_()[0] = 1  # the sum of what is kept
        wide.zero_()[0, 0] = 1
        x = torch.ones(1, 20_000, width)
        sums = (fused(x) - fused.get_base_layer()(x))[0, :, 0] / fused.scaling["default"]
    assert abs(float(sums.mean()) - width) < 0.01 * width
    assert abs(float(sums.var()) - width * 0.3 / 0.7) < 0.1 * width * 0.3 / 0.7


def test_a_recomputed_pass_drops_the_same(layers):
    _, fused = layers(dropout=0.3)
    x, weights = data(fused)

    def gradients(compute_layer):
        torch.manual_seed(5)
        leaf = x.clone().requires_grad_()
        output = compute_layer(leaf)
        return torch.autograd.grad((output * weights).sum(), [leaf, fused.lora_A["default"].weight])

    for one, other in zip(
        gradients(fused), gradients(lambda leaf: checkpoint(fused, leaf, use_reentrant=False)), strict=True
    ):
        assert torch.equal(one, other)


def test_few_tokens_and_a_disabled_adapter_are_left_to_peft(layers, monkeypatch):
    plain, fused = layers()
    monkeypatch.setattr("codelm.modules.fused_lora._LinearWithAdapter.apply", None)
    x, _ = data(fused, tokens=4)
    assert torch.equal(fused(x), plain(x))
    x, _ = data(fused)
    fused.enable_adapters(False)
    assert torch.equal(fused(x), fused.get_base_layer()(x))
    fused.enable_adapters(True)
    with pytest.raises(TypeError):
        fused(x)


def test_an_adapter_that_is_not_plain_stays_as_it_is(adapted):
    model = adapted(lora=LoRA(r=4, dora=True))
    assert fuse_adapters(model.model) == 0
    assert not fused_forwards(model)


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("base", [True, False])
def test_whole_weights_give_the_same_and_are_let_go(adapted, quantization, base):
    model = adapted(quantization=quantization, lora=LoRA(r=4, inference_scale=0.5)).eval()
    draw_adapters(model)
    ids = torch.arange(12)[None] + 8
    with torch.no_grad(), model.base_disabled() if base else nullcontext():
        expected = model.language_model(input_ids=ids).logits
        with torch.autocast("cpu", torch.bfloat16), whole_weights(model):  # computed in float32 all the same
            [found] = {layer.whole[0].dtype for layer in fused_forwards(model)}
        assert found == torch.float32
        with whole_weights(model):
            found = model.language_model(input_ids=ids).logits
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not any(layer.whole for layer in fused_forwards(model))


def test_more_weights_than_fit_stay_packed(adapted, monkeypatch):
    model = adapted(quantization="nf4")
    monkeypatch.setattr("codelm.modules.fused_lora._MOST_WHOLE", 1000)
    with whole_weights(model):
        assert not any(layer.whole for layer in fused_forwards(model))


def draw_adapters(model):
    """Give the adapters numbers with which they change the output."""
    for name, weight in model.trained():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)


def fused_forwards(model):
    own = [vars(layer)["forward"] for layer in model.modules() if "forward" in vars(layer)]
    return [forward for forward in own if hasattr(forward, "whole") and hasattr(forward, "layer")]


def test_whole_weights_have_the_scale_of_inference_whatever_came_before(adapted):
    model = adapted(lora=LoRA(r=4, inference_scale=0.25, dropout=0.0)).eval()
    draw_adapters(model)
    ids = torch.arange(40)[None] + 8

    def logits():
        with torch.no_grad():
            return model.language_model(input_ids=ids).logits

    for _ in range(2):
        with whole_weights(model):
            found = logits()
        torch.testing.assert_close(found, logits(), rtol=1e-4, atol=1e-4)
        model.train()
        logits()  # with the scale of training
        model.eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_a_dropout_of_1_leaves_nothing(layers, dtype):
    _, fused = layers(dropout=1.0)
    x, _ = data(fused)
    with torch.autocast("cpu", torch.float16, enabled=dtype == torch.float16):
        torch.testing.assert_close(fused(x), fused.get_base_layer()(x), rtol=0, atol=1e-2, check_dtype=False)
