"""Samples and prompts in every format, with tokenizers that carry the published tokens, special or not."""

from types import SimpleNamespace

import numpy as np
import pytest

from codelm.errors import InputError
from codelm.git.commits import Change, File, Hunk
from codelm.history.samples.formats import Formats, change_samples, file_samples
from codelm.history.samples.pieces import Kind, Piece, Role, Sample
from codelm.history.samples.prompts import prompt
from codelm.history.tokenization.encoder import Encoder
from codelm.special_tokens import END_OF_TEXT, FORMATS, LEFT_TO_RIGHT, STARCODER2, Slot
from tests.history.conftest import RUST, tokenizer

FILLED_IN = {
    "starcoder2": "<repo_name>r<file_sep><fim_prefix>f\nP\n<fim_suffix>S\n<fim_middle>M\n<|endoftext|>",
    "starcoder2-spm": "<repo_name>r<file_sep><fim_prefix><fim_suffix>S\n<fim_middle>f\nP\nM\n<|endoftext|>",
    "starcoder": "<fim_prefix>P\n<fim_suffix>S\n<fim_middle>M\n<|endoftext|>",
    "santacoder": "<fim-prefix>P\n<fim-suffix>S\n<fim-middle>M\n<|endoftext|>",
    "granite-3.3": "<fim_prefix>P\n<fim_suffix>S\n<fim_middle>M\n<|end_of_text|>",
    "granite-4": "<|fim_prefix|>P\n<|fim_suffix|>S\n<|fim_middle|>M\n<|end_of_text|>",
    "qwen2.5-coder": (
        "<|repo_name|>r\n<|file_sep|>f\n<|fim_prefix|>P\n<|fim_suffix|>S\n<|fim_middle|>M\n<|endoftext|>"
    ),
    "codegemma": "<bos>f\n<|fim_prefix|>P\n<|fim_suffix|>S\n<|fim_middle|>M\n<|file_separator|>",
    "deepseek-coder": (
        "<\uff5cbegin\u2581of\u2581sentence\uff5c><\uff5cfim\u2581begin\uff5c>P\n<\uff5cfim\u2581hole\uff5c>S\n"
        "<\uff5cfim\u2581end\uff5c>M\n<\uff5cend\u2581of\u2581sentence\uff5c>"
    ),
    "codellama": "<s>\u2581<PRE>P\n\u2581<SUF>S\n\u2581<MID>M\n\u2581<EOT>",
    "codestral": "<s>[SUFFIX]S\n[PREFIX]P\nM\n</s>",
    "seed-coder": "<[fim-suffix]>S\n<[fim-prefix]>P\n<[fim-middle]>M\n<[end\u2581of\u2581sentence]>",
    "mellum": "<filename>f\n<fim_suffix>S\n<fim_prefix>P\n<fim_middle>M\n<|endoftext|>",
    "aixcoder": "<s>\u2581<AIX-SPAN-PRE>\u2581<AIX-SPAN-POST>S\n\u2581<AIX-SPAN-MIDDLE>P\nM\n</s>",
    "lfm2": "<|fim_pre|>P\n<|fim_suf|>S\n<|fim_mid|>M\n<|endoftext|>",
    "incoder": "P\n<|mask:0|>S\n<|mask:1|><|mask:0|>M\n<|endofmask|>",
    "falcon-h1": "<|prefix|>P\n<|suffix|>S\n<|middle|>M\n<|endoftext|>",
}
"""What is learned of a file ``f`` of repository ``r`` whose second line was added, as its authors published it."""
LEFT_TO_RIGHT_FILE = {
    "qwen2.5-coder": "<|repo_name|>r\n<|file_sep|>f\nP\nM\n<|endoftext|>",
    "codegemma": "<bos>P\nM\n<eos>",
    "mellum": "<filename>f\nP\nM\n<|endoftext|>",
    "codestral": "<s>P\nM\n</s>",
}
WITH_HOLES = pytest.mark.parametrize("name", FILLED_IN)


def published(name, *, special=True, more=()):
    """A tokenizer that has the special tokens of a format, marked as special or, as Qwen and CodeGemma do, not."""
    from tokenizers import AddedToken

    made = tokenizer([])
    tokens = [*FORMATS[name].tokens, *more]
    made.backend_tokenizer.add_tokens([AddedToken(each, special=special, normalized=False) for each in tokens])
    return made


def sentence_piece(name, *, legacy):
    """A tokenizer that puts a space before a text, in the two forms of Llama's and Mistral's files."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    characters = ["\u2581", *sorted({*RUST.replace(" ", ""), *"PMSf_", "\u2581\u2581\u2581\u2581"})]
    names = [*FORMATS[name].tokens, *characters, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581\u2581"]
    merges = [("\u2581", "\u2581"), ("\u2581\u2581", "\u2581\u2581")]
    vocabulary = {each: number for number, each in enumerate(dict.fromkeys(names))}
    backend = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True))
    if legacy:
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        parts = (decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0))
        backend.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), *parts])
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    backend.add_special_tokens(list(FORMATS[name].tokens))
    return SimpleNamespace(backend_tokenizer=backend, eos_token_id=None, unk_token_id=None)


def learned(name, encoder):
    change = Change("f", "f", "M", "1", "2", after="P\nM\nS\n", hunks=(Hunk(1, 1, (), ("M\n",)),))
    arguments = "r", "sha", change, Formats(fim_rate=1.0, cursor_rate=0.0), 4096, encoder.count, encoder.format, 0
    [sample] = change_samples(*arguments)
    return sample


def written(sample):
    return "".join(piece.text for piece in sample.pieces)


def test_every_format_that_fills_in_is_tested():
    assert set(FILLED_IN) == {name for name, each in FORMATS.items() if each.infill}


@WITH_HOLES
@pytest.mark.parametrize("special", [True, False])
def test_a_hole_is_learned_as_published_one_token_for_each_special_one(name, special):
    encoder = Encoder(published(name, special=special), FORMATS[name])
    sample = learned(name, encoder)
    assert written(sample) == FILLED_IN[name]
    [encoded] = encoder.encode([sample])
    special_ids = [each for each in encoded.ids.tolist() if each in encoder.special_ids.values()]
    assert special_ids == [encoder.special_ids[piece.text] for piece in sample.pieces if piece.special]
    assert encoder.decode(encoded.ids.tolist()) == FILLED_IN[name]
    assert encoder.decode(encoded.ids[encoded.roles == Role.TARGET].tolist()).startswith("M\n")


@WITH_HOLES
def test_a_prompt_is_what_was_learned_up_to_the_middle(name):
    encoder = Encoder(published(name), FORMATS[name])
    made = prompt("r", "f", "P\n", "S\n", encoder.format)
    assert FILLED_IN[name].startswith(written(made.sample) + made.typed + "M\n")


@WITH_HOLES
def test_no_token_is_learned_that_a_prompt_would_cut(name):
    made = published(name)
    made.backend_tokenizer.add_tokens(["\n    "])  # the line end and the indentation behind it
    encoder = Encoder(made, FORMATS[name])
    change = Change("f", "f", "M", "1", "2", after="P\n    M\nS\n", hunks=(Hunk(1, 1, (), ("    M\n",)),))
    arguments = "r", "sha", change, Formats(fim_rate=1.0, cursor_rate=0.0), 4096, encoder.count, encoder.format, 0
    [sample] = encoder.encode(change_samples(*arguments))
    [asked] = encoder.encode_prompts([prompt("r", "f", "P\n", "S\n", encoder.format)])
    assert sample.ids[: len(asked.ids)].tolist() == asked.ids
    assert encoder.decode(sample.ids[len(asked.ids) :].tolist()).startswith(f"{asked.typed}    M\n")


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("name", ["codellama", "codestral", "aixcoder"])
def test_a_prompt_of_one_word_is_what_a_file_begins_with(name, legacy):
    """With the space that these tokenizers put before a text, which the text does not have."""
    encoder = Encoder(sentence_piece(name, legacy=legacy), FORMATS[name])
    [sample] = encoder.encode(file_samples("r", File("f", "", "fn M"), Formats(), 4096, encoder.count, encoder.format))
    [(ids, typed)] = encoder.encode_prompts([prompt("r", "f", "fn", None, encoder.format)])
    assert (ids, typed) == (sample.ids[: len(ids)].tolist(), "")
    assert encoder.decode(ids).endswith("fn")


@pytest.mark.parametrize("name", LEFT_TO_RIGHT_FILE)
def test_a_file_begins_and_ends_as_the_family_s_files_do(name):
    encoder = Encoder(published(name), FORMATS[name])
    [sample] = file_samples("r", File("f", "", "P\nM\n"), Formats(), 4096, encoder.count, encoder.format)
    assert written(sample) == LEFT_TO_RIGHT_FILE[name]
    assert LEFT_TO_RIGHT_FILE[name].startswith(written(prompt("r", "f", "P\n", None, encoder.format).sample))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "qwen2.5-coder",
            "<|repo_name|>r\n<|file_sep|>g\nE\n<|file_sep|>f\n<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        ),
        ("codegemma", "<bos>g\nE\n<|file_separator|>f\n<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        ("mellum", "<filename>g\nE\n<filename>f\n<fim_suffix>S<fim_prefix>P<fim_middle>"),
        ("codestral", "<s>E\n\n[SUFFIX]S[PREFIX]P"),
    ],
)
def test_another_file_stands_before_the_hole_s_as_published(name, text):
    made = prompt("r", "f", "P.", "S", FORMATS[name], example=("g", "E\n"))
    assert (written(made.sample), made.typed) == (text, ".")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("special", [True, False])
def test_code_that_spells_special_tokens_is_text(name, special):
    names = FORMATS[name].tokens
    more = ("<|object_ref_start|>", "[control_8]")
    encoder = Encoder(published(name, special=special, more=more), FORMATS[name])
    code = "".join(f'end = "{each}";\n' for each in (*names, *more))
    [encoded] = encoder.encode([Sample((Piece(code, Role.TARGET),), Kind.FILE)])
    added = {encoder._backend.token_to_id(each) for each in (*names, *more)}
    assert not added & set(encoded.ids.tolist())
    assert encoder.decode(encoded.ids.tolist()) == code


def test_added_tokens_that_stand_for_text_stay_tokens():
    from tokenizers import AddedToken

    made = published("codegemma", special=False)
    made.backend_tokenizer.add_tokens(
        [AddedToken(each, special=False) for each in ("\n\n\n", "<table>", "Vec<u8>", "<think>")]
    )
    texts = ["\n\n\n", "<table>", "Vec<u8>", "<eos>", "<think>"]
    assert Encoder(made, FORMATS["codegemma"]).count(texts) == [1, 1, 1, 5, 7]


def test_the_place_of_a_hole_in_its_file_is_found_in_every_order():
    from codelm.evaluation.data import EvaluationData

    for name in FILLED_IN:
        encoder = Encoder(published(name), FORMATS[name])
        [encoded] = encoder.encode([learned(name, encoder)])
        store = SimpleNamespace(
            sample=lambda index, encoded=encoded: (encoded.ids.astype(np.int64), encoded.roles),
            samples={"kind": [Kind.FIM]},
        )
        assert EvaluationData(store, encoder, learned=[0]).sample_text(0) == "P\nM\nS\n"


def test_special_tokens_that_cannot_be_told_apart_are_refused():
    made = published("qwen2.5-coder")
    made.unk_token_id = made.backend_tokenizer.token_to_id("<|fim_middle|>")
    with pytest.raises(InputError, match=r"one id for <\|fim_middle\|> and the unknown token"):
        Encoder(made, FORMATS["qwen2.5-coder"])
    made.unk_token_id, made.eos_token_id = None, made.backend_tokenizer.token_to_id("<|fim_suffix|>")
    with pytest.raises(InputError, match=r"one id for <\|fim_suffix\|> and the end of sequence"):
        Encoder(made, FORMATS["qwen2.5-coder"])


def test_text_begins_as_the_tokenizer_begins_it_where_no_format_says_so():
    from tokenizers.processors import TemplateProcessing

    made = tokenizer(["<|begin|>", END_OF_TEXT])
    assert Encoder(made, LEFT_TO_RIGHT).format.begin is None
    made.backend_tokenizer.post_processor = TemplateProcessing("<|begin|> $A", "<|begin|> $A $B", [("<|begin|>", 0)])
    encoder = Encoder(made, LEFT_TO_RIGHT)
    [sample] = file_samples("r", File("f", "", RUST), Formats(), 4096, encoder.count, encoder.format)
    assert encoder.encode([sample])[0].ids[0] == 0
    assert written(sample) == f"<|begin|>{RUST}{END_OF_TEXT}"


def test_a_format_without_its_tokens_keeps_what_is_left():
    assert STARCODER2.within(set()) == LEFT_TO_RIGHT.__class__("starcoder2", end=None)
    assert Slot.PATH_LINE not in STARCODER2.within({*STARCODER2.infill_tokens}).infill


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("name", ["codestral", "codellama"])
def test_a_space_is_put_before_what_precedes_a_hole_and_nothing_else(name, legacy):
    from codelm.history.tokenization.decoding import decode

    encoder = Encoder(sentence_piece(name, legacy=legacy), FORMATS[name])
    after = "P\n    M\n    S\n"
    change = Change("f", "f", "M", "1", "2", after=after, hunks=(Hunk(1, 1, (), ("    M\n",)),))
    arguments = "r", "sha", change, Formats(fim_rate=1.0, cursor_rate=0.0), 4096, encoder.count, encoder.format, 0
    [encoded] = encoder.encode(change_samples(*arguments))
    tokens = [encoder._backend.id_to_token(token) for token in encoded.ids.tolist()]
    text = [token for token in tokens if token not in FORMATS[name].tokens]
    before, middle, behind = ["\u2581", "P", "\n"], ["\u2581" * 4, "M", "\n"], ["\u2581" * 4, "S", "\n"]
    suffix_first = name == "codestral"
    assert text == [*behind, *before, *middle] if suffix_first else [*before, *behind, *middle]
    runs = [run.text for run in decode(encoded.ids, encoder)]
    wanted = ["    S\n", "P\n    M\n"] if suffix_first else ["P\n", "    S\n", "    M\n"]
    assert runs == wanted
