import pytest

from codelm.export.card import card

RECORD = {
    "codelm": "9.9",
    "name": "numbers",
    "format": "gguf",
    "type": "f16",
    "merge": "16-bit",
    "run": {
        "label": "numbers/version_0",
        "status": "completed",
        "manifest_sha256": "m" * 64,
        "adapter_sha256": {"adapter_model.safetensors": "a" * 64},
    },
    "base": {
        "name": "some/base",
        "revision": "v1",
        "license": "mit",
        "quantization": "nf4",
        "config_sha256": "c" * 64,
        "weights_sha256": "w" * 64,
    },
    "repositories": [{"name": "numbers", "tip": "t" * 40}],
    "held_out": {"before": 1.0, "after": 0.98765, "change_percent": -1.235, "commits": 12, "bytes": 34567},
    "not_measured": None,
    "prompt_format": {"name": "x", "infill": ["<fim_prefix>", "{path}\n", "{before}", "<fim_middle>"]},
    "files": {"numbers-f16.gguf": "f" * 64},
    "use": {"model": "numbers-f16.gguf", "adapter": None, "context": 4096},
}
LIKELIHOOD = {
    "new": {"commits": 99, "base": 1.25, "tuned": 1.0, "change_percent": -20.0, "interval": [-22.04, -18.0]},
    "added": None,
}


def changed(**values):
    return RECORD | values


def test_the_card_says_what_the_model_is_made_of():
    text = card(RECORD, {"likelihood": LIKELIHOOD})
    head, body = text.removeprefix("---\n").split("---\n", 1)
    assert head.splitlines() == [
        "base_model: some/base",
        "library_name: gguf",
        "license: mit",
        "tags: [code, codelm, lora]",
    ]
    for part in (
        "| base | `some/base`, revision v1 |",
        f"| its files, sha256 | config {'c' * 64}, weights {'w' * 64} |",
        "| its licence | mit |",
        f"| learned from | numbers at {'t' * 40} |",
        "| run | numbers/version_0 (completed) |",
        f"| its manifest, sha256 | {'m' * 64} |",
        f"| its adapter, sha256 | `adapter_model.safetensors` {'a' * 64} |",
        "| made by | codelm 9.9 |",
    ):
        assert part in body


def test_the_card_says_how_good_it_is():
    text = card(RECORD, {"likelihood": LIKELIHOOD})
    assert "(what was trained) 1.0000, after it (read back) 0.9877: -1.24 %, over 12 commits, 34,567 bytes." in text
    assert "new lines of 99 commits: base 1.2500, tuned 1.0000 (-20.0 %, 95 % interval -22.0 to -18.0)" in text
    assert "another model" in text


def test_names_of_a_stranger_s_run_are_text():
    hostile = 'x"); import os; ("\nlicense: mit\n---\n# `T` | <img src=x> [a](b:c) \x1b[31m\u202e'
    base = RECORD["base"] | {"name": hostile, "license": hostile}
    run = RECORD["run"] | {"label": hostile, "status": hostile}
    repositories = [{"name": hostile, "tip": hostile}]
    made = changed(
        name=hostile, base=base, run=run, repositories=repositories, format="adapter", use={"model": hostile}
    )
    honest = card(changed(format="adapter", use={"model": "x"}), None)
    text = card(made, None)
    assert len(text.splitlines()) == len(honest.splitlines())
    assert not [part for part in ("<img", "](", "`T`", "\x1b", "\u202e") if part in text]
    [code] = [line for line in text.splitlines() if line.startswith("model = ")]
    compile(code, "the card", "exec")
    assert code.count('"') == 4


def test_what_is_not_known_is_said():
    base = RECORD["base"] | {"license": None, "revision": None}
    text = card(changed(held_out=None, not_measured="the repository is gone", base=base, repositories=[]), None)
    assert "not measured, the repository is gone." in text
    assert "The run has no evaluation." in text
    assert "| base | `some/base` |" in text
    assert "license:" not in text
    assert "| its licence | not stated in its files" in text
    assert "| learned from | not known |" in text


def test_merging_is_explained_where_the_base_was_in_4_bits():
    assert "this is what was trained" in card(changed(merge="exact"), None)
    base = RECORD["base"] | {"quantization": "none"}
    assert "another model" not in card(changed(base=base), None)
    assert "another model" not in card(changed(merge=None, format="adapter", use={}), None)


@pytest.mark.parametrize(
    ("format_", "use", "command"),
    [
        ("gguf", RECORD["use"], "llama-server -m numbers-f16.gguf -c 4096"),
        (
            "gguf-adapter",
            RECORD["use"] | {"model": "base-f16.gguf", "adapter": "a.gguf"},
            "llama-server -m base-f16.gguf --lora a.gguf",
        ),
        ("adapter", {}, 'AutoModelForCausalLM.from_pretrained("some/base"), ".")'),
        ("merged", {}, "(AutoModelForCausalLM, AutoTokenizer)"),
    ],
)
def test_the_card_says_how_it_is_used(format_, use, command):
    assert command in card(changed(format=format_, use=use), None)


def test_a_base_that_is_not_there_is_named():
    use = RECORD["use"] | {"model": "base-f16.gguf", "adapter": "a.gguf"}
    assert "`base-f16.gguf` is the base in GGUF" in card(changed(format="gguf-adapter", use=use), None)
    beside = {"base-f16.gguf": "f" * 64}
    assert "is the base in GGUF" not in card(changed(format="gguf-adapter", use=use, files=beside), None)
    assert "is the base in GGUF" not in card(RECORD, None)


def test_the_card_says_how_to_ask_for_a_middle():
    assert "`<fim_prefix>{path}⏎{before}<fim_middle>`" in card(RECORD, None)
    assert "not trained to fill in" in card(changed(prompt_format={"name": "x", "infill": []}), None)
