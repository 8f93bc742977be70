import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from codelm.bases.tokenizer import load_tokenizer
from codelm.modules.generation import vocabulary
from codelm.token_healing import Vocabulary, cut_back, without_typed

WORDS = ["", "re", "resp", "response", " resp", " r", " ", "r", "x", "espo"]
CODE = """\
impl<'a> Reader<'a> {
    /// Reads\t`n` bytes; \u00e4\u4e16 are several each.
    pub fn read(&mut self, n: usize) -> io::Result<&'a [u8]> {
        let (head, rest) = self.bytes.split_at(n.min(self.bytes.len()));\r
        self.bytes = rest;

        Ok(head)
    }
}
"""


@pytest.fixture(scope="module")
def bundled():
    return load_tokenizer("tiny")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("let resp", "let"),
        ("let x_1", "let"),
        ("a.b(c", "a.b"),
        ("f(a);\n\n    ", "f(a"),
        ("f(a);\n    // b", "f(a"),
        ("{ a(b)\n}\n    }\r\n", "{ a(b"),
        ("a && ", "a"),
        ("// na\u00efve", "// na\u00ef"),
        ("// caf\u00e9", "// caf\u00e9"),
    ],
)
def test_a_prompt_ends_before_its_last_word_and_what_a_token_may_join_to_it(text, kept):
    assert cut_back(text) == (kept, text[len(kept) :])


@pytest.mark.parametrize("end", range(1, len(CODE)))
def test_no_token_of_the_bundled_base_crosses_the_place(bundled, end):
    """Wherever code is cut, the tokens of the whole begin with those of the prompt."""
    kept, typed = cut_back(CODE[:end])
    whole = bundled.encode(CODE)
    assert kept + typed == CODE[:end]
    assert whole[: len(bundled.encode(kept))] == bundled.encode(kept)


def test_no_token_crosses_the_place_where_tokenizers_join_punctuation_to_the_line_end_behind_it():
    """So do those of Llama 3, Qwen2.5 and later ones, whose expression this is."""
    words = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    code = CODE.encode("ascii", "ignore").decode()
    backend = Tokenizer(models.BPE())
    parts = [pre_tokenizers.Split(Regex(words), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    backend.pre_tokenizer = pre_tokenizers.Sequence(parts)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator([code] * 2, trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    whole = backend.encode(code).ids
    assert ")\u010a" in backend.encode(code).tokens
    for end in range(1, len(code)):
        ids = backend.encode(cut_back(code[:end])[0]).ids
        assert whole[: len(ids)] == ids


def test_long_runs_of_white_space_are_passed_over_in_no_time():
    """From the front each place of a run would be tried with each way to divide it: hours for this one."""
    assert cut_back(" " * 20_000 + "\u00e9 x") == (" " * 20_000 + "\u00e9", " x")


@pytest.mark.parametrize("run", ["x", "=", " ", "}\n"])
def test_of_a_long_run_a_part_is_cut_off_since_each_token_of_it_is_written_by_the_model(run):
    """A key of 50,000 characters held a server up for a minute, and left no room for an answer."""
    kept, typed = cut_back(f"let key = {run * 50_000}")
    assert kept + typed == f"let key = {run * 50_000}"
    assert 0 < len(typed) <= 64


@given(st.text(st.sampled_from("ab_.(;\n\t \u00e9"), max_size=20), st.integers(0, 20))
def test_tokens_of_the_text_agree_with_what_was_typed(bundled, text, end):
    kept, typed = cut_back(text[:end])
    following = bundled.encode(text)[len(bundled.encode(kept)) :]
    tokens = vocabulary(bundled, len(bundled))
    choices = dict(tokens.choices(typed, following))
    assert all(following[place] in allowed for place, allowed in choices.items())
    assert bool(choices) == bool(typed)


def test_tokens_agree_with_a_text_that_they_begin_or_that_begins_with_them():
    tokens = Vocabulary(WORDS)
    assert {WORDS[token] for token in tokens.agreeing("resp")} == {"r", "re", "resp", "response"}
    assert {WORDS[token] for token in tokens.agreeing(" re")} == {" ", " r", " resp"}
    assert tokens.agreeing("z") == frozenset()


def test_what_a_token_cannot_reach_of_a_long_text_does_not_decide_on_it():
    tokens = Vocabulary(WORDS)
    assert tokens.agreeing(" response" + "x" * 9) is tokens.agreeing(" responsey")
    assert {WORDS[token] for token in tokens.agreeing("response();")} == {"r", "re", "resp", "response"}


def test_what_is_left_of_a_typed_text():
    tokens = Vocabulary(WORDS)
    assert tokens.rest(" resp", WORDS.index(" ")) == "resp"
    assert tokens.rest("resp", WORDS.index("response")) == ""
    assert tokens.rest("resp", WORDS.index("x")) == ""


def test_a_token_is_chosen_among_others_until_all_is_written_or_one_disagrees():
    tokens = Vocabulary(WORDS)
    one, other = (WORDS.index(text) for text in (" r", "espo"))
    assert [place for place, _ in tokens.choices(" resp", [one, other, 0])] == [0, 1]
    assert [place for place, _ in tokens.choices(" r", [one, other, 0])] == [0]
    assert [place for place, _ in tokens.choices("  r", [one])] == []


@pytest.mark.parametrize(
    ("text", "typed", "rest"), [(" response", " resp", "onse"), ("on", "", "on"), ("{ a", "{\n", " a"), ("", "ab", "")]
)
def test_what_was_typed_is_no_part_of_the_answer(text, typed, rest):
    assert without_typed(text, typed) == rest


def test_special_tokens_stand_for_no_text(bundled):
    tokens = vocabulary(bundled, len(bundled))
    assert not tokens.agreeing("<fim_mid") & set(bundled.all_special_ids)
    assert not tokens.agreeing("<|endof") & set(bundled.all_special_ids)


def test_a_model_of_fewer_rows_has_no_later_tokens(bundled):
    assert max(vocabulary(bundled, 300).agreeing("f")) < 300


def test_rows_without_a_token_stand_for_no_text_and_ids_may_have_gaps():
    backend = Tokenizer(models.WordLevel({"a": 0, "<end>": 1, "b": 7}))
    backend.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")
    assert vocabulary(made, 9).agreeing("b") == {7}


def test_a_token_that_begins_with_a_space_keeps_it():
    """SentencePiece's tokenizers leave it out where a text begins."""
    words = {"<s>": 0, "\u2581a": 1, "\u2581b": 2, "b": 3, "\u2581": 4}
    backend = Tokenizer(models.BPE(vocab=words, merges=[("\u2581", "b")]))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<s>")
    assert backend.decode([2]) == "b"
    assert vocabulary(made, 5).agreeing(" b") == {2, 4}
    assert vocabulary(made, 5).agreeing("b") == {3}
