from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader, dequantize
from transformers import AutoConfig, Starcoder2ForCausalLM

from codelm.errors import InputError
from codelm.export import gguf_model
from codelm.export.gguf_model import refuse_gguf, write_gguf
from codelm.modules.base_model import load_base
from experiments.torture.subjects import merging_tokenizer

FACTS = {"name": "numbers", "base": "some/base", "license": "mit"}


@pytest.fixture
def write(tiny_base, tmp_path):
    """Return a function that writes the tiny base, or a model, and reads the file."""

    def run(kind, model=None):
        model = model or load_base(str(tiny_base))
        write_gguf(tmp_path / "a.gguf", model, merging_tokenizer(), kind, FACTS)
        return GGUFReader(tmp_path / "a.gguf"), model

    return run


def test_the_shape_and_what_it_is_are_written(write):
    found = {name: field.contents() for name, field in write("f16")[0].fields.items()}
    shape = {
        "context_length": 128,
        "embedding_length": 16,
        "block_count": 2,
        "feed_forward_length": 64,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "rope.dimension_count": 4,
        "rope.freq_base": 10000.0,
    }
    assert {name: found[f"starcoder2.{name}"] for name in shape} == shape
    assert found["starcoder2.attention.layer_norm_epsilon"] == pytest.approx(1e-5)
    assert found["general.architecture"] == "starcoder2"
    assert [found[f"general.{name}"] for name in ("name", "license")] == ["numbers", "mit"]
    assert found["general.base_model.0.name"] == "some/base"
    assert [found["general.file_type"], found["general.quantization_version"]] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "narrow", "wide"), [("f16", "F16", "F16"), ("f32", "F32", "F32"), ("q8_0", "F16", "Q8_0")]
)
def test_every_weight_is_there_once_in_its_type(write, kind, narrow, wide):
    reader, model = write(kind)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert len(tensors) == len(list(model.named_parameters())) == 2 * 16 + 3
    assert "output.weight" not in tensors  # the head is the embedding
    weights = {
        "token_embd.weight": (model.model.embed_tokens.weight, narrow),
        "blk.1.attn_q.weight": (model.model.layers[1].self_attn.q_proj.weight, narrow),
        "blk.1.attn_k.bias": (model.model.layers[1].self_attn.k_proj.bias, "F32"),
        "blk.0.ffn_up.weight": (model.model.layers[0].mlp.c_fc.weight, narrow),
        "blk.0.ffn_down.weight": (model.model.layers[0].mlp.c_proj.weight, wide),
        "output_norm.weight": (model.model.norm.weight, "F32"),
    }
    for name, (weight, type_) in weights.items():
        found, wanted = tensors[name], weight.detach().numpy()
        assert found.tensor_type == GGMLQuantizationType[type_]
        assert [*reversed(found.shape.tolist())] == list(weight.shape)
        values = dequantize(found.data, found.tensor_type).reshape(weight.shape)
        largest = np.abs(wanted).max()
        error = {"F32": 0, "F16": largest * 2**-11, "Q8_0": largest / 254 * 1.01}[type_]
        assert np.abs(values - wanted).max() <= error


def test_a_head_of_its_own_is_written(tiny_base, write):
    config = AutoConfig.from_pretrained(tiny_base)
    config.tie_word_embeddings = False
    torch.manual_seed(0)
    reader, model = write("f32", Starcoder2ForCausalLM(config))
    [head] = [tensor for tensor in reader.tensors if tensor.name == "output.weight"]
    assert np.array_equal(head.data, model.lm_head.weight.detach().numpy())


def test_the_base_of_the_rotation_is_the_models_own(tiny_base, write):
    model = load_base(str(tiny_base))
    model.config.rope_parameters["rope_theta"] = 999999.4
    reader, _ = write("f32", model)
    assert reader.fields["starcoder2.rope.freq_base"].contents() == pytest.approx(999999.4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act .*, relu"),
        ({"use_bias": False}, "use_bias"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, "rope_parameters"),
    ],
)
def test_what_llama_cpp_computes_otherwise_is_refused(tiny_base, change, message):
    config = AutoConfig.from_pretrained(tiny_base)
    refuse_gguf(config, "some", "use something")
    for name, value in change.items():
        setattr(config, name, value)
    with pytest.raises(InputError, match=message):
        refuse_gguf(config, "some", "use something")


def test_another_architecture_is_refused_by_name():
    with pytest.raises(InputError, match="base model some is a llama: use something"):
        refuse_gguf(SimpleNamespace(model_type="llama"), "some", "use something")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(gguf_model, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'codelm\[export\]'"):
        refuse_gguf(SimpleNamespace(model_type="starcoder2"), "some", "use something")
