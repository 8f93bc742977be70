import json

import pytest

from codelm.bases.families import Trained, decide, family_of, identities
from codelm.errors import InputError
from codelm.special_tokens import AUTO, FORMATS, LEFT_TO_RIGHT, SUFFIX_FIRST

NAMED = {
    "bigcode/starcoder2-3b": ("starcoder2", "yes"),
    "bigcode/starcoder2-15b-instruct-v0.1": ("starcoder2", "unknown"),
    "bigcode/starcoderbase-1b": ("starcoder", "yes"),
    "bigcode/santacoder": ("santacoder", "yes"),
    "Qwen/Qwen2.5-Coder-0.5B": ("qwen2.5-coder", "yes"),
    "Qwen/Qwen2.5-Coder-7B-Instruct": ("qwen2.5-coder", "yes"),
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": ("qwen2.5-coder", "yes"),
    "Qwen/Qwen2.5-1.5B": ("qwen2.5-coder", "unknown"),
    "Qwen/Qwen3-0.6B": ("qwen2.5-coder", "unknown"),
    "Qwen/CodeQwen1.5-7B": ("starcoder", "yes"),
    "google/codegemma-2b": ("codegemma", "yes"),
    "google/codegemma-1.1-2b": ("codegemma", "yes"),
    "google/codegemma-7b-it": ("codegemma", "no"),
    "deepseek-ai/deepseek-coder-1.3b-base": ("deepseek-coder", "yes"),
    "deepseek-ai/deepseek-coder-1.3b-instruct": ("deepseek-coder", "no"),
    "deepseek-ai/DeepSeek-Coder-V2-Lite-Base": ("deepseek-coder", "yes"),
    "deepseek-ai/DeepSeek-Coder-V2-Base": ("deepseek-coder", "no"),
    "codellama/CodeLlama-7b-hf": ("codellama", "yes"),
    "codellama/CodeLlama-7b-Python-hf": ("codellama", "no"),
    "codellama/CodeLlama-7b-Instruct-hf": ("codellama", "unknown"),
    "mistralai/Codestral-22B-v0.1": ("codestral", "yes"),
    "mistralai/Mamba-Codestral-7B-v0.1": ("codestral", "no"),
    "ibm-granite/granite-3b-code-base-2k": ("starcoder", "yes"),
    "ibm-granite/granite-3b-code-instruct-2k": ("starcoder", "unknown"),
    "ibm-granite/granite-3.1-2b-base": ("granite-3.3", "unknown"),
    "ibm-granite/granite-3.3-2b-base": ("granite-3.3", "yes"),
    "ibm-granite/granite-3.3-2b-instruct": ("granite-3.3", "unknown"),
    "ibm-granite/granite-4.0-1b-base": ("granite-4", "yes"),
    "ibm-granite/granite-4.0-micro-base": ("granite-4", "yes"),
    "ibm-granite/granite-4.0-micro": ("granite-4", "unknown"),
    "ByteDance-Seed/Seed-Coder-8B-Base": ("seed-coder", "yes"),
    "ByteDance-Seed/Seed-Coder-8B-Reasoning": ("seed-coder", "unknown"),
    "JetBrains/Mellum-4b-base": ("mellum", "yes"),
    "JetBrains/Mellum2-12B": ("mellum", "unknown"),
    "aiXcoder/aixcoder-7b-base": ("aixcoder", "yes"),
    "facebook/incoder-1B": ("incoder", "yes"),
    "infly/OpenCoder-1.5B-Base": ("starcoder", "no"),
    "01-ai/Yi-Coder-1.5B": ("starcoder", "no"),
    "LiquidAI/LFM2-1.2B": ("lfm2", "unknown"),
}


def having(*formats):
    tokens = {name for each in formats for name in FORMATS[each].tokens}
    return tokens.__contains__


def nothing(name):
    return False


@pytest.mark.parametrize("base", NAMED)
def test_a_family_is_known_by_its_name_also_of_a_folder(base, tmp_path):
    for name in (base, str(tmp_path / base.rpartition("/")[2])):
        family = family_of([name], nothing)
        assert (family.format.name, family.trained) == NAMED[base]


def test_of_an_unknown_name_tokens_tell_the_format_and_prove_no_training():
    family = family_of(["me/my-model"], having("deepseek-coder"))
    assert (family.format.name, family.trained) == ("deepseek-coder", Trained.UNKNOWN)
    assert family_of(["me/my-model"], nothing) is None


@pytest.mark.parametrize(
    "name", ["codegemma", "qwen2.5-coder", "granite-4", "mellum", "starcoder", "santacoder", "starcoder2", "codestral"]
)
def test_of_formats_with_the_same_holes_the_one_with_most_of_its_tokens_is_taken(name):
    assert family_of(["me/my-model"], having(name)).format.name == name


def test_a_name_that_says_little_counts_less_than_tokens():
    assert family_of(["me/my-model", "qwen2"], having("starcoder")).format.name == "starcoder"
    assert family_of(["me/my-model", "qwen2"], having("qwen2.5-coder")).format.name == "qwen2.5-coder"
    assert family_of(["me/my-model", "qwen2"], nothing).format.name == "qwen2.5-coder"


def test_a_folder_of_any_name_is_known_by_its_configuration(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "starcoder2"}))
    assert family_of(identities(str(tmp_path)), nothing).trained == Trained.YES
    (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": "Qwen/Qwen2.5-Coder-3B", "model_type": "qwen2"}))
    assert family_of(identities(str(tmp_path)), nothing).format.name == "qwen2.5-coder"
    assert family_of(identities(str(tmp_path), "google/codegemma-2b"), nothing).format.name == "codegemma"
    for damaged in ("{", "[]", '{"_name_or_path": [3], "model_type": {}}'):
        (tmp_path / "config.json").write_text(damaged)
        assert family_of(identities(str(tmp_path)), nothing) is None


def test_the_bundled_base_takes_its_own_format():
    assert decide(AUTO, identities("tiny"), having("starcoder2")).format == SUFFIX_FIRST


@pytest.mark.parametrize(
    ("base", "tokens", "format_name", "notice"),
    [
        ("Qwen/Qwen2.5-Coder-0.5B", "qwen2.5-coder", "qwen2.5-coder", None),
        ("Qwen/Qwen2.5-Coder-0.5B", "starcoder2", "left-to-right", "has no <|fim_prefix|>, <|fim_suffix|>"),
        ("infly/OpenCoder-1.5B-Base", "starcoder", "left-to-right", "was not trained with them"),
        ("Qwen/Qwen3-0.6B", "qwen2.5-coder", "left-to-right", "nobody says that it was trained"),
        ("HuggingFaceTB/SmolLM2-135M", "left-to-right", "left-to-right", "no format to fill in the middle is known"),
    ],
)
def test_what_is_not_known_to_be_trained_is_learned_left_to_right_with_a_reason(base, tokens, format_name, notice):
    decision = decide(AUTO, [base], having(tokens))
    assert decision.format.name == format_name
    assert decision.notice is None if notice is None else notice in decision.notice
    assert (decision.candidate is not None) == (base == "Qwen/Qwen3-0.6B")


def test_a_format_can_be_forced_where_its_tokens_are():
    for base in ("infly/OpenCoder-1.5B-Base", "me/my-model"):
        assert decide("starcoder", [base], having("starcoder")).format == FORMATS["starcoder"]
    assert decide(LEFT_TO_RIGHT.name, ["bigcode/starcoder2-3b"], having("starcoder2")).format == LEFT_TO_RIGHT
    with pytest.raises(InputError, match=r"tokenizer of me/my-model has no \[SUFFIX\], \[PREFIX\]: give another"):
        decide("codestral", ["me/my-model"], having("starcoder"))
