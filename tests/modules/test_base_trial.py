"""What bases of other architectures are refused for, or trained as, by their configuration alone."""

import pytest
import torch
from transformers import AutoConfig

from codelm.errors import InputError
from codelm.modules import LoRA, LoRACausalLM
from codelm.modules.base_trial import attends_by_sample
from codelm.modules.four_bits import layer_bytes
from codelm.modules.small_model import shrunken, small_model

pytestmark = pytest.mark.filterwarnings("ignore")  # of two hundred architectures' own code


def small_config(family, factor):
    config = AutoConfig.for_model(family)
    return type(config).from_dict(shrunken(config.to_dict(), factor))


@pytest.fixture
def make_base(tmp_path):
    """Return a function that makes the folder of a small base of an architecture, by default without weights."""

    def make(family, weights=False, factor=16):
        torch.manual_seed(0)
        config = small_config(family, factor)
        (small_model(family, config, "eager") if weights else config).save_pretrained(tmp_path / family)
        return str(tmp_path / family)

    return make


@pytest.mark.parametrize(
    ("family", "settings", "complaint"),
    [
        ("gpt_oss", {}, "has no sdpa attention: give --model.attention eager"),
        ("cohere", {}, "scales or caps its logits"),
        ("modernbert-decoder", {}, "or has a layer before its head"),
        ("xlm", {"attention": "eager"}, "sees the tokens that it has to predict"),
        ("mamba", {"attention": "eager", "lora": LoRA(targets=["in_proj"])}, "layers in 4 bits: give --model.quant"),
        ("t5", {}, "cannot be computed: ValueError: Unrecognized configuration class"),
        ("nemotron_h", {"lora": LoRA(targets=["out_proj"])}, "cannot have these adapters: ValueError.*out_proj"),
        ("deepseek_v3", {"lora": LoRA(targets=["gate_proj", "up_proj"])}, "these adapters: ValueError.*dropout"),
        ("llama4_text", {"lora": LoRA(targets=["router"])}, "cannot have these adapters"),
        ("llama", {"lora": LoRA(targets=["c_fc"])}, "c_fc: no such linear layer"),
        ("blt", {"lora": LoRA(targets=["q_proj", "lm_head"])}, "one names the head of base model .*, lm_head, whose"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_base_that_cannot_be_trained_is_refused_in_one_line_before_its_weights_are_loaded(
    make_base, family, settings, complaint
):
    with pytest.raises(InputError, match=complaint) as failure:
        LoRACausalLM(make_base(family), **settings).check()
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("family", ["falcon_mamba", "jamba"])
def test_a_base_that_knows_of_4_bits_and_then_calls_its_layer_is_taken(make_base, family):
    LoRACausalLM(make_base(family), attention="eager", lora=LoRA(targets=["in_proj"])).check()


def test_checking_a_base_leaves_the_random_numbers_as_they_are(tiny_base):
    state = torch.get_rng_state()
    LoRACausalLM(str(tiny_base)).check()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("family", "attention", "factor"), [("falcon", "sdpa", 16), ("bloom", "eager", 1)])
def test_samples_that_would_see_each_other_are_computed_one_by_one(make_base, make_batch, family, attention, factor):
    base = make_base(family, weights=True, factor=factor)
    model = LoRACausalLM(base, quantization="none", attention=attention, lora=LoRA(targets=["query_key_value"]))
    model.configure_model()
    model.eval()
    batch = make_batch([10, 15], [20]) | {"input_ids": torch.arange(64).reshape(2, 32) + 8}
    decoder = model.language_model.get_decoder()
    with torch.no_grad():
        states = model(batch)
        for row, start, end in [(0, 0, 10), (0, 10, 25), (1, 0, 20)]:
            alone = decoder(input_ids=batch["input_ids"][row : row + 1, start:end]).last_hidden_state[0]
            torch.testing.assert_close(states[row, start:end], alone, rtol=1e-4, atol=1e-4)
        together = decoder(**{name: batch[name] for name in ("input_ids", "position_ids")}).last_hidden_state
    assert not torch.allclose(together[0, 10:25], states[0, 10:25], atol=0.01)
    assert any("see each other" in notice for notice in model.notices())


def test_a_base_that_keeps_samples_apart_in_4_bits_has_nothing_to_say(tiny_base):
    model = LoRACausalLM(str(tiny_base))
    model.check()
    assert model.keeps_samples_apart
    assert model.notices() == []


def test_what_4_bits_leave_in_16_is_what_a_loaded_mixture_of_experts_holds(make_base):
    from codelm.modules.base_model import load_base

    base = make_base("qwen3_moe", weights=True)
    loaded = load_base(base, dtype=torch.bfloat16, quantization="nf4")
    layers = dict(loaded.model.layers.named_parameters()) | {"norm": loaded.model.norm.weight}
    packed = sum(weight.numel() for weight in layers.values() if weight.dtype == torch.uint8)
    left = sum(weight.numel() * weight.element_size() for weight in layers.values() if weight.dtype != torch.uint8)
    assert layer_bytes(AutoConfig.from_pretrained(base)) == (packed, left)


def test_a_program_of_ones_own_is_told_once_that_a_mixture_of_experts_stays_in_16_bits(tmp_path, caplog):
    AutoConfig.for_model("qwen3_moe").save_pretrained(tmp_path)
    model = LoRACausalLM(str(tmp_path), lora=LoRA(targets=["q_proj"]))
    model.check()
    model.check()
    (notice,) = model.notices()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("codelm")] == [notice]
    assert "29.0 GB of its layers, 99.6% of their bytes, stay in 16 bits" in notice
    assert LoRACausalLM(str(tmp_path), quantization="none").notices() == []


def test_a_base_of_convolutions_is_refused_with_the_reason(make_base):
    with pytest.raises(
        InputError, match=r"has no torch.nn.Linear, .* transformers' Conv1D instead\): take another base"
    ):
        LoRACausalLM(make_base("gpt2"), lora=LoRA(targets=["c_attn"])).check()


def test_a_small_model_has_two_layers_of_each_kind():
    config = AutoConfig.for_model("qwen3_next")
    small = small_model("qwen3_next", config, "sdpa")
    assert sorted(small.config.layer_types) == ["full_attention"] * 2 + ["linear_attention"] * 2
    assert small.num_parameters() < 3_000_000


def test_lists_of_numbers_of_layers_are_shortened_with_the_layers():
    """Zamba2's configurations name their hybrid layers twice, and their kinds share weights between layers."""
    kinds = ["hybrid" if number in (5, 11, 17) else "mamba" for number in range(20)]
    config = {"num_hidden_layers": 20, "hybrid_layer_ids": [5, 11, 17], "layers_block_type": kinds}
    small = shrunken(config, 16)
    assert small == {
        "num_hidden_layers": 4,
        "hybrid_layer_ids": [2, 3],
        "layers_block_type": ["mamba"] * 2 + ["hybrid"] * 2,
    }
    assert shrunken({key: config[key] for key in ("num_hidden_layers", "hybrid_layer_ids")}, 16)[
        "hybrid_layer_ids"
    ] == [2, 3]


def test_a_base_that_cannot_be_made_small_is_refused_before_memory_is_filled(monkeypatch):
    monkeypatch.setattr("codelm.modules.small_model._MOST_PARAMETERS", 1000)
    with pytest.raises(InputError, match=r"its smallest form has [\d,]+ parameters, too many"):
        small_model("llama", AutoConfig.for_model("llama"), "sdpa")


def test_in_a_small_model_another_sample_changes_the_states_by_as_much_as_they_are():
    model = small_model("falcon", AutoConfig.for_model("falcon"), "sdpa")
    second = torch.arange(20, 28)
    with torch.no_grad():
        rows = [torch.cat([torch.arange(start, start + 7), second])[None] for start in (8, 40)]
        one, other = (model.get_decoder()(input_ids=row).last_hidden_state[0, 7:] for row in rows)
    assert (one - other).abs().max() > 0.5 * one.abs().max()


@pytest.mark.parametrize(
    ("family", "by_sample"),
    [
        ("starcoder2", True),
        ("llama", True),
        ("mistral", True),
        ("qwen3", True),
        ("deepseek_v32", False),
        ("falcon", False),
    ],
)
def test_attention_by_sample_is_taken_where_it_gives_what_the_mask_gives(family, by_sample):
    config = AutoConfig.for_model(family)
    assert attends_by_sample(small_model(family, config, "sdpa")) == by_sample
