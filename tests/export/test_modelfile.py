import pytest

from codelm.export.modelfile import modelfile, template
from codelm.special_tokens import FORMATS

PROMPT_ALONE = "{{ else }}{{ .Prompt }}{{ end }}"


@pytest.mark.parametrize(
    ("name", "hole"),
    [
        ("starcoder2", "<fim_prefix>{{ .Prompt }}<fim_suffix>{{ .Suffix }}<fim_middle>"),
        ("starcoder2-spm", "<fim_prefix><fim_suffix>{{ .Suffix }}<fim_middle>{{ .Prompt }}"),
        ("starcoder", "<fim_prefix>{{ .Prompt }}<fim_suffix>{{ .Suffix }}<fim_middle>"),
    ],
)
def test_a_hole_is_written_in_the_order_that_was_trained(name, hole):
    assert template(FORMATS[name].infill) == f"{{{{ if .Suffix }}}}{hole}{PROMPT_ALONE}"
    assert template([str(part) for part in FORMATS[name].infill]) == template(FORMATS[name].infill)


def test_a_model_that_does_not_fill_in_gets_the_prompt_alone():
    assert template([]) == "{{ .Prompt }}"


def test_the_file_names_the_model_its_context_and_its_ends():
    vocabulary = {"<|endoftext|>": 0, "<file_sep>": 6, "fn": 300}
    lines = modelfile("a.gguf", [], vocabulary, 4096).splitlines()
    assert lines[:3] == ["FROM ./a.gguf", 'TEMPLATE """{{ .Prompt }}"""', "PARAMETER num_ctx 4096"]
    assert [line for line in lines if "stop" in line] == [
        'PARAMETER stop "<|endoftext|>"',
        'PARAMETER stop "<file_sep>"',
    ]
    assert "ADAPTER" not in "".join(lines)


def test_an_adapter_stands_behind_its_base():
    lines = modelfile("base.gguf", [], {}, 128, "adapter.gguf").splitlines()
    assert lines[:2] == ["FROM ./base.gguf", "ADAPTER ./adapter.gguf"]
