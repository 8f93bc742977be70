"""The traced memory of a step is what torch allocates for a real one."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from codelm.modules import LoRA, LoRACausalLM
from codelm.modules.step_memory import UntraceableError, trace_step


def make(base, **settings):
    model = LoRACausalLM(base, **{"lora": LoRA(r=16, dropout=0.05), **settings})
    model.check()
    return model


def storages(tensors):
    """The bytes of tensors, each storage once."""
    return sum({each.data_ptr(): each.nbytes() for each in (tensor.untyped_storage() for tensor in tensors)}.values())


def allocated(model, rows, tokens, dtype):
    """The bytes that live at the peak of a real step: what there is before, and what the allocator gave."""
    model.configure_model()
    ids = torch.full((rows, tokens), 300)
    positions = torch.arange(tokens).expand(rows, -1).contiguous()
    batch = {"input_ids": ids, "position_ids": positions, "labels": ids.clone(), "weights": torch.ones(ids.shape)}

    def step():
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss, _ = model.weighted_nll(batch)
        loss.backward()

    step()  # gradients accumulate in tensors that are there from then on
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        step()
    events = sorted(
        (event.start_ns(), event.nbytes())
        for event in found.profiler.kineto_results.events()
        if event.name() == "[memory]"
    )
    live = peak = 0
    for _, size in events:
        live += size
        peak = max(peak, live)
    trained = [parameter for _, parameter in model.trained()]
    states = [parameter.quant_state for parameter in model.parameters() if hasattr(parameter, "quant_state")]
    scales = [state.absmax for state in states] + [state.state2.absmax for state in states if state.nested]
    moments = 8 * sum(parameter.numel() for parameter in trained)
    there = storages([*model.parameters(), *(parameter.grad for parameter in trained), *scales])
    return there + moments + peak


@pytest.mark.parametrize(
    ("rows", "tokens", "dtype", "settings"),
    [
        (2, 512, torch.bfloat16, {"gradient_checkpointing": False}),
        (2, 512, torch.float32, {"gradient_checkpointing": False, "quantization": "none"}),
        pytest.param(1, 3000, torch.bfloat16, {}, marks=pytest.mark.slow),
        pytest.param(3, 1024, torch.bfloat16, {"double_quantization": False}, marks=pytest.mark.slow),
    ],
)
def test_it_is_within_a_twentieth_of_what_is_allocated(rows, tokens, dtype, settings, monkeypatch):
    model = make("tiny", **settings)
    traced = trace_step(model, rows=rows, tokens=tokens, dtype=dtype, device="cpu")
    monkeypatch.setattr("codelm.modules.lora_causal_lm.compute_dtype", lambda precision: dtype)
    assert traced.peak == pytest.approx(allocated(model, rows, tokens, dtype), rel=0.05)


def config_of(tmp_path, **changed):
    """A folder with the configuration of a base, without weights."""
    from transformers import Starcoder2Config

    sizes = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 7, "num_attention_heads": 4}
    others = {"num_key_value_heads": 2, "vocab_size": 1000, "bos_token_id": 0, "eos_token_id": 0}
    Starcoder2Config(**{**sizes, **others, **changed}).save_pretrained(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize("checkpointing", [True, False])
def test_what_few_layers_tell_is_what_all_layers_need(tmp_path, monkeypatch, checkpointing):
    model = make(config_of(tmp_path), gradient_checkpointing=checkpointing)
    few = trace_step(model, rows=2, tokens=600, dtype=torch.bfloat16)
    monkeypatch.setattr("codelm.modules.step_memory._FEW_LAYERS", (99, 100))
    assert few == trace_step(model, rows=2, tokens=600, dtype=torch.bfloat16)


def test_more_rows_need_more_and_weights_stay(tmp_path):
    model = make(config_of(tmp_path))
    one, four = (trace_step(model, rows=rows, tokens=512, dtype=torch.bfloat16) for rows in (1, 4))
    assert (one.weights, one.adapters) == (four.weights, four.adapters)
    assert four.activations == 4 * one.activations
    assert four.peak > one.peak == sum(one.parts.values())


def test_an_optimizer_of_8_bits_needs_a_quarter_of_the_state(tmp_path):
    folder = config_of(tmp_path)
    plain, eight = (make(folder, optimizer=name) for name in ("adamw", "paged_adamw_8bit"))
    saved = [trace_step(model, rows=1, tokens=64, dtype=torch.bfloat16).adapters for model in (plain, eight)]
    trained = saved[0] // 16  # weights and gradients in float32, and 8 bytes of state
    assert saved[0] - saved[1] == 6 * trained


def test_all_parts_are_named(tmp_path):
    found = trace_step(make(config_of(tmp_path)), rows=1, tokens=256, dtype=torch.bfloat16)
    assert list(found.parts) == ["weights", "adapters", "activations", "loss", "backward"]
    assert min(found.weights, found.adapters, found.activations) > 0 < found.loss + found.backward


def test_adapters_that_compute_with_values_are_not_guessed_at(tmp_path):
    model = make(config_of(tmp_path), lora=LoRA(r=4, dora=True, dropout=0.0))
    with pytest.raises(UntraceableError, match=r"memory that base model .* needs is unknown") as caught:
        trace_step(model, rows=1, tokens=64, dtype=torch.bfloat16)
    assert "\n" not in str(caught.value)


def test_random_numbers_are_left_alone(tmp_path):
    model = make(config_of(tmp_path))
    torch.manual_seed(0)
    expected = torch.rand(())
    torch.manual_seed(0)
    trace_step(model, rows=1, tokens=64, dtype=torch.bfloat16)
    assert torch.rand(()) == expected


def test_what_the_host_keeps_is_not_counted_for_the_device(tmp_path):
    model = make(config_of(tmp_path))
    kept = trace_step(model, rows=2, tokens=512, dtype=torch.bfloat16)
    model.activation_offloading = True
    offloaded, cpu = (
        trace_step(model, rows=2, tokens=512, dtype=torch.bfloat16, device=each) for each in ("cuda", "cpu")
    )
    one_layer = 2 * 512 * 128 * 2  # rows, tokens, width, and bytes of bfloat16
    assert kept.host == cpu.host == 0
    assert offloaded.host >= 7 * one_layer
    assert kept.activations - offloaded.activations >= 6 * one_layer
    assert (offloaded.weights, offloaded.adapters) == (kept.weights, kept.adapters)
    assert offloaded.peak < kept.peak
