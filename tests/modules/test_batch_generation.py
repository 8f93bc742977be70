import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, MambaConfig, MambaForCausalLM

from codelm.modules import batch_generation
from codelm.modules.base_model import load_base
from codelm.modules.generation import Sampling, generate, generate_texts
from codelm.token_healing import HealedPrompt

GREEDY = Sampling(40, temperature=0.0, top_p=1.0, batch_size=8)


@pytest.fixture(scope="module")
def tokenizer(tiny_base):
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture(scope="module")
def model(tiny_base):
    return AutoModelForCausalLM.from_pretrained(tiny_base)


@pytest.fixture(scope="module")
def prompts(tokenizer):
    return [HealedPrompt(tokenizer.encode(text)) for text in ("fn a", "use std::io", "#[test]", "b", "    let x = ")]


def rows_of_each_pass(model):
    """Record the rows of each pass through a model."""
    seen = []
    model.register_forward_pre_hook(
        lambda module, arguments, options: seen.append(len(options["input_ids"])), with_kwargs=True
    )
    return seen


def after(count):
    """A rule by which a text is complete once it has been asked for so many times, each behind a line."""
    left = [count]

    def is_complete(text):
        left[0] -= 1
        return left[0] <= 0

    return is_complete


@pytest.mark.parametrize("tokens_at_a_time", [1, 3, 16, 100])
def test_texts_that_leave_change_no_other(model, tokenizer, prompts, monkeypatch, tokens_at_a_time):
    monkeypatch.setattr(batch_generation, "_TOKENS_AT_A_TIME", tokens_at_a_time)
    monkeypatch.setattr("codelm.modules.decoding_rules.Vocabulary.text", lambda self, token: "\n")
    counts = [1, 7, 40, 17, 99]
    together = list(generate(model, tokenizer, prompts, GREEDY, [after(count) for count in counts]))
    whole = [next(generate(model, tokenizer, [prompt], GREEDY)) for prompt in prompts]
    assert [ids[:count] for ids, count in zip(together, counts, strict=True)] == [
        ids[:count] for ids, count in zip(whole, counts, strict=True)
    ]
    end = tokenizer.eos_token_id
    assert [ids[-1] == end for ids in together] == [True, True, True, True, whole[4][-1] == end]


def test_a_text_that_has_ended_is_computed_no_longer(model, tokenizer, prompts, monkeypatch):
    monkeypatch.setattr("codelm.modules.decoding_rules.Vocabulary.text", lambda self, token: "\n")
    seen = rows_of_each_pass(model)
    list(generate(model, tokenizer, prompts, GREEDY, [after(count) for count in (1, 7, 40, 17, 99)]))
    assert seen[1:] == 16 * [5] + 16 * [3] + 8 * [2]


@pytest.mark.parametrize("typed", ["fn process_all_of_the_lines(a: &str, b: &[u8]) -> Option<usize> {\n    ", ""])
def test_a_text_is_held_to_what_was_typed_from_part_to_part(model, tokenizer, prompts, monkeypatch, typed):
    held = [HealedPrompt(prompt.ids, typed) for prompt in prompts]
    monkeypatch.setattr(batch_generation, "_TOKENS_AT_A_TIME", 2)
    in_parts = list(generate_texts(model, tokenizer, held, GREEDY))
    monkeypatch.setattr(batch_generation, "_TOKENS_AT_A_TIME", 100)
    assert in_parts == list(generate_texts(model, tokenizer, held, GREEDY))


def test_texts_stay_where_a_model_remembers_them_otherwise(tokenizer, prompts):
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, state_size=4)
    model = MambaForCausalLM(config).eval()
    seen = rows_of_each_pass(model)
    ends = [after(count) for count in (1, 40, 40, 40, 40)]
    together = list(generate(model, tokenizer, prompts, GREEDY, ends))
    assert set(seen[1:]) == {5}
    assert len(together) == 5


def test_finding_out_whether_texts_can_leave_draws_nothing(model):
    settings = GenerationConfig(max_new_tokens=8, do_sample=True, eos_token_id=[0], pad_token_id=0)
    before = torch.get_rng_state()
    assert batch_generation.texts_can_leave(model, settings)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("own", [{"num_beams": 2}, {"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}])
def test_a_base_s_own_settings_of_generation_change_nothing(tiny_base, tmp_path, tokenizer, prompts, own):
    folder = tmp_path / "base"
    shutil.copytree(tiny_base, folder)
    plain = load_base(str(folder))
    (folder / "generation_config.json").write_text(json.dumps(own))
    with_own = load_base(str(folder))
    assert list(generate(plain, tokenizer, prompts, GREEDY)) == list(generate(with_own, tokenizer, prompts, GREEDY))
