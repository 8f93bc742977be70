import json

import pytest
from gguf import GGUFReader, GGUFWriter, TokenType
from tokenizers import Regex, normalizers, pre_tokenizers

from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import InputError
from codelm.export.gguf_tokenizer import INFILL_KEYS, add_tokenizer, pre_tokenizer
from experiments.torture.subjects import byte_tokenizer, merging_tokenizer

BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)


def cutting(*steps, normalizer=None):
    tokenizer = merging_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(steps)) if len(steps) > 1 else steps[0]
    if normalizer:
        tokenizer.backend_tokenizer.normalizer = normalizer
    return tokenizer


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ([BYTES], "gpt-2"),
        ([pre_tokenizers.Digits(individual_digits=True), BYTES], "starcoder"),
        ([pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"), BYTES], "starcoder"),
    ],
    ids=["gpt-2", "published", "bundled"],
)
def test_a_starcoders_cut_is_known(steps, name):
    assert pre_tokenizer(cutting(*steps)) == name


@pytest.mark.parametrize(
    "steps",
    [
        [pre_tokenizers.Whitespace()],
        [pre_tokenizers.ByteLevel(add_prefix_space=True)],
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)],
        [pre_tokenizers.Digits(individual_digits=False), BYTES],
        [pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), BYTES],
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Digits(individual_digits=True), BYTES],
    ],
    ids=["words", "space before", "no cut", "numbers whole", "three digits", "twice"],
)
def test_another_cut_is_refused(steps):
    with pytest.raises(InputError, match="export --format merged"):
        pre_tokenizer(cutting(*steps))


def test_a_tokenizer_that_changes_text_or_never_merges_is_refused():
    with pytest.raises(InputError, match="not that of a StarCoder2"):
        pre_tokenizer(byte_tokenizer())
    with pytest.raises(InputError, match="not that of a StarCoder2"):
        pre_tokenizer(cutting(BYTES, normalizer=normalizers.NFC()))


@pytest.fixture
def keys(tmp_path):
    """Return a function that writes a tokenizer's keys to a file and reads them."""

    def write(tokenizer, size):
        writer = GGUFWriter(tmp_path / "a.gguf", "starcoder2")
        add_tokenizer(writer, tokenizer, size)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        fields = GGUFReader(tmp_path / "a.gguf").fields
        return {name.removeprefix("tokenizer.ggml."): field.contents() for name, field in fields.items()}

    return write


def test_all_keys_of_the_bundled_tokenizer_are_there(keys):
    tokenizer = load_tokenizer("tiny")
    found = keys(tokenizer, 12288)
    assert (found["model"], found["pre"]) == ("gpt2", "starcoder")
    assert [tokenizer.convert_tokens_to_ids(token) for token in found["tokens"]] == list(range(12288))
    assert found["token_type"] == [TokenType.CONTROL] * 7 + [TokenType.NORMAL] * (12288 - 7)
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    assert [merge.split(" ") for merge in found["merges"]] == merges
    infill = ("fim_pre", "fim_mid", "fim_suf", "fim_pad", "fim_rep", "fim_sep")
    assert [found[f"{name}_token_id"] for name in infill] == [1, 2, 3, 4, 5, 6]
    ends = ("bos_token_id", "eos_token_id", "padding_token_id", "unknown_token_id")
    assert [found[name] for name in ends] == [0, 0, 0, 0]
    assert [found["add_bos_token"], found["add_space_prefix"]] == [False, False]


def test_rows_without_a_token_are_unused(keys):
    size = len(merging_tokenizer())
    found = keys(merging_tokenizer(), size + 2)
    assert found["token_type"][-3:] == [TokenType.NORMAL, TokenType.UNUSED, TokenType.UNUSED]
    assert len(set(found["tokens"])) == size + 2


def test_a_special_token_that_a_tokenizer_lacks_has_no_key(keys):
    found = keys(merging_tokenizer(), len(merging_tokenizer()))
    assert found["merges"] == ["f n"]
    there = {key for key in INFILL_KEYS.values() if key.removeprefix("tokenizer.ggml.") in found}
    assert set(INFILL_KEYS.values()) - there == {"tokenizer.ggml.fim_pad_token_id"}
    assert "padding_token_id" not in found
