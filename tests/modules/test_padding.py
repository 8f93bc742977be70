import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BartConfig, LlamaConfig, RwkvConfig

from codelm.modules.generation import Sampling, generate
from codelm.modules.padding import completes_in_batches
from codelm.token_healing import HealedPrompt

SIZES = {"vocab_size": 300, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}


def model_of(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


def rwkv():
    return model_of(RwkvConfig(**SIZES, attention_hidden_size=256, context_length=64))


def bart():
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    widths = {"d_model": 256, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512}
    return model_of(BartConfig(vocab_size=300, **widths, encoder_layers=2, decoder_layers=2, **heads, is_decoder=True))


def llama():
    return model_of(LlamaConfig(**SIZES, num_attention_heads=4))


@pytest.mark.parametrize(("make", "pads"), [(llama, True), (rwkv, False), (bart, False)])
def test_architectures_that_read_padding_are_found_out(make, pads):
    assert completes_in_batches(make()) == pads


def test_the_bundled_base_completes_in_batches(tiny_base):
    assert completes_in_batches(AutoModelForCausalLM.from_pretrained(tiny_base))


@pytest.mark.parametrize(("make", "rows"), [(llama, 3), (rwkv, 1)])
def test_a_model_that_reads_padding_completes_one_prompt_at_a_time(tiny_base, monkeypatch, make, rows):
    sizes = []

    def generated(model, prompts, *rules):
        sizes.append(len(prompts))
        return [[9] for _ in prompts]

    monkeypatch.setattr("codelm.modules.generation.generate_batch", generated)
    prompts = [HealedPrompt([20] * count) for count in (2, 3, 5)]
    list(
        generate(
            make(),
            AutoTokenizer.from_pretrained(tiny_base),
            prompts,
            Sampling(4, temperature=0.0, top_p=1.0, batch_size=8),
        )
    )
    assert sizes == [rows] * (3 // rows)
