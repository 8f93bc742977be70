from copy import deepcopy

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BloomConfig,
    BloomForCausalLM,
    PreTrainedTokenizerFast,
)

from codelm.modules import generation
from codelm.modules.decoding_rules import UntilComplete
from codelm.modules.generation import Sampling, complete, decode_generated, end_token_ids, generate, generate_texts
from codelm.token_healing import HealedPrompt, Vocabulary


@pytest.fixture(scope="module")
def model_and_tokenizer(tiny_base):
    return AutoModelForCausalLM.from_pretrained(tiny_base), AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def sampling():
    return lambda **changes: Sampling(
        **({"max_new_tokens": 10, "temperature": 0.0, "top_p": 1.0, "batch_size": 4} | changes)
    )


PROMPTS = ["fn process(a: u8) -> u8 {", "a", "use std::", "match", "#[test]"]


def test_prompts_of_different_length_are_completed_as_if_alone(model_and_tokenizer, sampling):
    together = list(complete(*model_and_tokenizer, PROMPTS, sampling()))
    alone = [next(complete(*model_and_tokenizer, [prompt], sampling())) for prompt in PROMPTS]
    assert together == alone
    assert len({one.text for one in alone}) > 1


def test_the_same_seed_writes_the_same_and_another_something_else(model_and_tokenizer, sampling):
    def write(seed):
        torch.manual_seed(seed)
        return list(complete(*model_and_tokenizer, PROMPTS, sampling(temperature=1.0)))

    assert write(0) == write(0) != write(1)


def test_a_text_ends_at_the_next_file(model_and_tokenizer):
    _, tokenizer = model_and_tokenizer
    row = [*tokenizer.encode("a  b ;"), tokenizer.convert_tokens_to_ids("<file_sep>"), *tokenizer.encode("c")]
    assert decode_generated(tokenizer, row, end_token_ids(tokenizer)) == ("a  b ;", True)
    assert decode_generated(tokenizer, row[:3], end_token_ids(tokenizer)) == ("a  ", False)


def test_a_completion_stays_within_the_models_positions(model_and_tokenizer, sampling):
    found = next(complete(*model_and_tokenizer, ["x" * 120], sampling(max_new_tokens=1000)))
    assert len(found.text) <= 8


def test_the_tokenizer_is_left_as_it_was(model_and_tokenizer, sampling):
    _, tokenizer = model_and_tokenizer
    before = (tokenizer.padding_side, tokenizer.pad_token, tokenizer.truncation_side)
    list(complete(*model_and_tokenizer, PROMPTS, sampling()))
    assert (tokenizer.padding_side, tokenizer.pad_token, tokenizer.truncation_side) == before


def test_after_an_empty_prompt_a_new_text_begins(model_and_tokenizer, sampling):
    nothing, end = complete(*model_and_tokenizer, ["", "<|endoftext|>"], sampling())
    assert nothing == end


def test_a_model_without_a_largest_number_of_positions_completes_texts(model_and_tokenizer, sampling):
    _, tokenizer = model_and_tokenizer
    torch.manual_seed(0)
    model = BloomForCausalLM(BloomConfig(vocab_size=len(tokenizer), hidden_size=16, n_layer=1, n_head=2))
    assert not hasattr(model.config, "max_position_embeddings")
    assert all(one.text or one.stopped for one in complete(model, tokenizer, PROMPTS, sampling()))


def test_a_prompt_begins_as_the_tokenizer_begins_a_text(model_and_tokenizer, sampling, tiny_base):
    from tokenizers.processors import TemplateProcessing

    model, plain = model_and_tokenizer
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    template = "<repo_name> $A", "<repo_name> $A $B", [("<repo_name>", plain.convert_tokens_to_ids("<repo_name>"))]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(*template)
    for prompt in ("fn a", ""):
        begun, written = (
            next(complete(model, each, [text], sampling()))
            for each, text in ((tokenizer, prompt), (plain, f"<repo_name>{prompt}"))
        )
        assert begun == written
        assert begun != next(complete(model, plain, [prompt], sampling()))


@pytest.mark.parametrize("changes", [{}, {"temperature": 1.0}, {"temperature": 1.0, "top_p": 0.01}])
@pytest.mark.parametrize("typed", [" resp", "xyz", "() {\n    "])
def test_an_answer_begins_with_what_was_typed(model_and_tokenizer, sampling, typed, changes):
    model, tokenizer = model_and_tokenizer
    prompts = [HealedPrompt(tokenizer.encode("fn a"), each) for each in (typed, "", "q")]
    plain, held = (
        [tokenizer.decode(ids) for ids in generate(model, tokenizer, each, sampling(**changes))]
        for each in ([prompt._replace(typed="") for prompt in prompts], prompts)
    )
    assert held[0].startswith(typed)
    assert not plain[0].startswith(typed)
    assert held[2].startswith("q")
    texts = list(generate_texts(model, tokenizer, prompts, sampling(**changes)))
    assert not texts[0].text.startswith(typed)


def test_a_prompt_is_cut_back_behind_its_last_special_token_alone(model_and_tokenizer, sampling, monkeypatch):
    given = []
    monkeypatch.setattr(
        generation, "generate_texts", lambda model, tokenizer, prompts, sampling: given.extend(prompts) or []
    )
    model, tokenizer = model_and_tokenizer
    tokenizer = deepcopy(tokenizer)
    tokenizer.add_tokens(["<think>", "\n\n"])
    prompts = ["a <fim_middle>", "a <think>", "a\n\n", "a<fim_middle>b", "a bc", "ab"]
    list(complete(model, tokenizer, prompts, sampling()))
    assert [(tokenizer.decode(ids), typed) for ids, typed in given] == [
        ("a <fim_middle>", ""),
        ("a <think>", ""),
        ("a", "\n\n"),
        ("a<fim_middle>", "b"),
        ("a", " bc"),
        ("ab", ""),
    ]


def test_a_vocabulary_that_cannot_write_what_was_typed_is_not_held_to_it(sampling):
    backend = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<end>": 2}, unk_token="b"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")
    torch.manual_seed(0)
    model = BloomForCausalLM(BloomConfig(vocab_size=3, hidden_size=16, n_layer=1, n_head=2))
    prompts = [HealedPrompt([0], typed) for typed in ("\n", "")]
    one, other = generate(model, tokenizer, prompts, sampling())
    assert one == other


def test_generated_text_keeps_the_space_that_it_begins_with():
    """SentencePiece's tokenizers leave it out where a text begins; what was typed would not be found without it."""
    backend = Tokenizer(
        models.BPE(vocab={"<s>": 0, "\u2581a": 1, "\u2581b": 2, "b": 3, "\u2581": 4, "a": 5}, merges=[])
    )
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<s>")
    assert tokenizer.decode([2, 3]) == "bb"
    assert decode_generated(tokenizer, [2, 3, 0, 2], [0]) == (" bb", True)


def test_a_row_ends_with_the_line_that_makes_it_complete_and_the_others_go_on(model_and_tokenizer, sampling):
    model, tokenizer = model_and_tokenizer
    prompts = [HealedPrompt(tokenizer.encode("fn a"), "{\n") for _ in range(2)]
    rows = [0, 1]
    ended, going = generate_texts(
        model, tokenizer, prompts, sampling(max_new_tokens=20), [lambda text: True, lambda text: bool(rows.remove(1))]
    )
    assert rows == [0]  # asked once, behind the only line end
    assert ended == ("", True)
    assert going.text
    assert not going.stopped


def test_a_text_is_read_without_what_was_typed_after_each_line():
    vocabulary = Vocabulary(["a", "b\n", "\n", "c"])
    asked = []

    def has_two_lines(text):
        asked.append(text)
        return text.count("\n") == 2

    def read(rows):
        return ["".join(["a", "b\n", "\n", "c"][token] for token in row) for row in rows]

    rule = UntilComplete(vocabulary, read, ["", "ab\n"], [has_two_lines, has_two_lines])
    tokens = [[0, 0], [1, 1], [3, 2], [2, 3], [0, 2]]
    ended = [rule(torch.tensor(tokens[: place + 1]).T, None).tolist() for place in range(len(tokens))]
    assert ended == [[False, False]] * 3 + [[True, False], [True, True]]
    assert asked == ["ab\n", "", "\n", "ab\nc\n", "\nc\n"]


@pytest.mark.parametrize("max_new_tokens", [1, 5])
def test_what_was_typed_takes_none_of_the_new_tokens(model_and_tokenizer, sampling, max_new_tokens):
    model, tokenizer = model_and_tokenizer
    typed = "aXq3Z9kfQwEr7TyUpLmNbVcXzAsDfGhJk81QzXwJvK"
    prompts = [HealedPrompt(tokenizer.encode("let id"), each) for each in (typed, "", "q")]
    rows = list(generate(model, tokenizer, prompts, sampling(max_new_tokens=max_new_tokens)))
    new = [len(row) - len(prompt.typed) for row, prompt in zip(rows, prompts, strict=True)]
    ended = [row[-1] in end_token_ids(tokenizer) for row in rows]
    assert all(count == max_new_tokens or (end and count > 0) for count, end in zip(new, ended, strict=True))
    assert new[1:] == [max_new_tokens, max_new_tokens]
    assert tokenizer.decode(rows[0]).startswith(typed)
