import json
import pickle
import shutil

import huggingface_hub
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    modeling_utils,
)

from codelm.errors import DamagedDataError, InputError
from codelm.modules.base_model import dropout_of, linear_layers, load_base, load_config, refuse_unusual_head


@pytest.fixture
def copy(tiny_base, tmp_path):
    """A copy of the tiny base that a test may break."""
    return shutil.copytree(tiny_base, tmp_path / "copy")


def edit_weights(folder, edit):
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def test_a_whole_base_loads_in_the_given_type(tiny_base):
    base = load_base(str(tiny_base), dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in base.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("name", ["/no/such/folder", "./no/such/folder"])
def test_a_folder_that_is_not_there_is_named(name):
    with pytest.raises(InputError, match=rf"base model {name} .* no such folder"):
        load_config(name)


def test_an_unknown_name_without_network_points_to_a_local_folder(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"base model nobody/nothing .*give the folder of a model") as failure:
        load_config("nobody/nothing")
    assert "\n" not in str(failure.value)


def test_a_folder_without_a_configuration_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be had"):
        load_config(str(tmp_path))


def test_a_folder_without_weights_is_refused(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(InputError, match="cannot be had"):
        load_base(str(copy))


NORM = "model.norm.weight"


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda weights: weights.pop(NORM), f"1 missing .first {NORM}"),
        (lambda weights: weights.update(extra=weights[NORM].clone()), "1 unexpected .first extra"),
        (lambda weights: weights.update({NORM: weights[NORM][:-1].clone()}), "1 mismatched"),
    ],
    ids=["missing", "unexpected", "mismatched"],
)
def test_weights_that_do_not_fit_the_configuration_are_damage(copy, edit, complaint):
    edit_weights(copy, edit)
    with pytest.raises(DamagedDataError, match=complaint):
        load_base(str(copy))


def test_truncated_weights_are_damage(copy):
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DamagedDataError, match="cannot be read"):
        load_base(str(copy))


@pytest.mark.parametrize(
    ("setting", "value"), [("dtype", "floatt32"), ("hidden_act", "gelt"), ("layer_types", ["full_attentiom"] * 2)]
)
def test_a_configuration_that_the_library_cannot_take_is_refused_in_one_line(copy, setting, value):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {setting: value}))
    with pytest.raises((DamagedDataError, InputError), match=r"^base model \S+ cannot be (read|had): .*") as refused:
        load_base(str(copy))
    assert "\n" not in str(refused.value)


def test_code_that_comes_with_a_model_is_not_run(copy):
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "stranger", "auto_map": {"AutoConfig": "evil.Config"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(InputError, match="cannot be had"):
        load_config(str(copy))


def test_a_kernel_that_a_configuration_names_is_not_fetched(copy):
    """transformers 5.23 takes ``org/kernel`` for attention as a kernel of the hub: downloaded, its code is run."""
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"attn_implementation": "org/kernel"}))
    loaded = load_config(str(copy))
    assert loaded._attn_implementation is None
    assert linear_layers(loaded)


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.bin"])
def test_pickled_weights_are_not_loaded(copy, file):
    (copy / "model.safetensors").unlink()
    (copy / file).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match=r"cannot be had: .*model\.safetensors"):
        load_base(str(copy))


def test_pickled_weights_beside_others_are_passed_over(tiny_base, copy):
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    assert load_base(str(copy)).num_parameters() == load_base(str(tiny_base)).num_parameters()


def test_an_adapter_beside_a_base_is_refused_before_it_is_read(copy):
    (copy / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "nobody/base"})
    )
    with pytest.raises(InputError, match=r"has an adapter_config\.json: give a base without one"):
        load_base(str(copy))


def test_a_base_of_the_hub_without_safetensors_is_refused_and_nobody_is_asked_to_convert_it(monkeypatch, tiny_base):
    monkeypatch.setattr("codelm.modules.base_model.load_config", lambda *_, **__: AutoConfig.from_pretrained(tiny_base))
    monkeypatch.setattr("codelm.modules.base_model.refuse_adapter", lambda *_: None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # for all but the question tested here
    monkeypatch.setattr(modeling_utils, "is_offline_mode", lambda: False)
    monkeypatch.setattr(modeling_utils, "cached_file", lambda *_, **__: None)
    asked = []
    monkeypatch.setattr(modeling_utils, "auto_conversion", lambda *_, **__: asked.append(True) or (None, None, False))
    with pytest.raises(InputError, match=r"nobody/base cannot be had: .*model\.safetensors"):
        load_base("nobody/base", revision="main")
    assert asked == []


def test_the_configuration_alone_names_the_linear_layers(tiny_base):
    base = load_base(str(tiny_base))
    declared = linear_layers(load_config(str(tiny_base)))
    linear = [name for name, layer in base.named_modules() if isinstance(layer, nn.Linear)]
    assert declared == [name for name in linear if name != "lm_head"]
    assert len(declared) == 12


def test_a_plain_head_passes(tiny_base):
    refuse_unusual_head("tiny", load_base(str(tiny_base)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["capped", "scaled"])
def test_logits_that_are_capped_or_scaled_are_refused(kind, dtype):
    torch.manual_seed(0)
    shape = {
        "vocab_size": 40,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    models = {
        "capped": lambda: Gemma2ForCausalLM(Gemma2Config(**shape, head_dim=8)),
        "scaled": lambda: CohereForCausalLM(CohereConfig(**shape)),
    }
    with pytest.raises(InputError, match="scales or caps"):
        refuse_unusual_head(kind, models[kind]().to(getattr(torch, dtype)).eval())


DROPOUTS = {
    "Starcoder2": {"attention_dropout": 0.5, "residual_dropout": 0.5, "embedding_dropout": 0.5},
    "GPT2": {"attn_pdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5},
    "GPTNeoX": {"attention_dropout": 0.5, "hidden_dropout": 0.5},
    "OPT": {"dropout": 0.5, "attention_dropout": 0.5, "layerdrop": 0.1},
    "Phi": {"attention_dropout": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5},
}


@pytest.mark.parametrize("family", DROPOUTS)
def test_a_base_trains_without_the_dropout_of_its_configuration_unless_it_is_asked_for(family, tmp_path):
    shape = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape |= {"intermediate_size": 16, "max_position_embeddings": 32, "word_embed_proj_dim": 16, "ffn_dim": 16}
    shape["num_key_value_heads"] = 2
    config = getattr(transformers, f"{family}Config")(**shape, bos_token_id=0, eos_token_id=0, **DROPOUTS[family])
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)

    def alike(dropout):
        base = load_base(str(tmp_path), dropout=dropout).train()
        first, second = (base(torch.arange(8)[None]).logits for _ in range(2))
        return torch.equal(first, second)

    assert dropout_of(load_config(str(tmp_path))) == (DROPOUTS[family] if family == "OPT" else 0.5)
    assert alike(0.0)
    assert not alike(None)
    assert not alike(0.3)
