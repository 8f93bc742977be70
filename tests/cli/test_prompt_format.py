"""The format of a run's samples, from the command to what the run leaves."""

import pytest
import yaml

from codelm.evaluation.infill_probe import InfillProbe
from codelm.special_tokens import FORMATS
from tests.cli.short_runs import manifest


@pytest.fixture
def base(tmp_path, tiny_base):
    """Make a Qwen2 of two layers with Qwen's tokens, ordinary ones by its tokenizer, in a folder of a given name."""
    import torch
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    from tests.history.conftest import tokenizer

    def make(name):
        torch.manual_seed(0)
        backend = tokenizer(["<|endoftext|>"]).backend_tokenizer
        names = [each for each in FORMATS["qwen2.5-coder"].tokens if each != "<|endoftext|>"]
        backend.add_tokens([AddedToken(each, special=False, normalized=False) for each in names])
        made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")
        shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        config = Qwen2Config(vocab_size=len(made), num_key_value_heads=1, max_position_embeddings=256, **shape)
        Qwen2ForCausalLM(config).save_pretrained(tmp_path / name)
        made.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def fit(codelm):
    def run(base, *arguments, command="fit"):
        return codelm(command, f"--model.base={base}", "--model.lora.targets=[q_proj]", *arguments)

    return run


def recorded(folder, version=0):
    config = yaml.safe_load((folder / f"runs/numbers/version_{version}/config.yaml").read_text())
    written = manifest(folder, version=version)["phase_results"]["phase_2_tokenize"]["format"]
    assert written["name"] == config["data"]["formats"]["fim_format"]
    return written


def test_a_run_records_the_format_of_its_base_and_goes_on_with_no_other(fit, base, folder):
    made = base("Qwen2.5-Coder-small")
    status, error = fit(made, "--trainer.max_epochs=1")
    assert status == 0, error
    found = recorded(folder)
    assert (found["name"], found["infill"][1]) == ("qwen2.5-coder", "<|fim_prefix|>")
    assert len(set(found["ids"].values())) == len(found["ids"]) == 6
    status, error = fit(made, "--ckpt_path=last", "--data.formats.fim_format=left-to-right")
    assert status == 2
    assert 'data.formats.fim_format "qwen2.5-coder", not "left-to-right"' in error
    assert error.count("\n") == 1


def test_a_cursor_rate_without_holes_is_said_once_to_have_no_effect(fit, base, folder):
    made = base("Qwen2.5-Coder-small")
    given = ["--data.formats.cursor_rate=0.8", "--trainer.max_epochs=1"]
    status, error = fit(made, *given)
    assert status == 0, error
    assert "no effect" not in error
    status, error = fit(made, *given, "--data.formats.fim_format=left-to-right")
    assert status == 0, error
    assert error.count("data.formats.cursor_rate 0.8 has no effect: format left-to-right has no holes\n") == 1


@pytest.mark.parametrize("knows", [True, False])
def test_a_base_that_nobody_vouches_for_is_measured_once(fit, base, folder, monkeypatch, knows):
    asked = []
    measured = InfillProbe(2.0, 1.9, 1.5, fills_in=knows)
    monkeypatch.setattr("codelm.cli.prompt_format.probe_infill", lambda *words: asked.append(words) or measured)
    made = base("nameless")
    status, error = fit(made, "--trainer.max_epochs=1")
    assert status == 0, error
    assert "has the special tokens of format qwen2.5-coder and" in error
    assert ("left to right" in error) == (not knows)
    assert recorded(folder)["name"] == ("qwen2.5-coder" if knows else "left-to-right")
    status, error = fit(made, f"--config={folder}/runs/numbers/version_0/config.yaml", command="validate")
    assert status == 0, error
    assert len(asked) == 1


def test_what_a_base_is_asked_changes_nothing_that_is_learned(fit, base, folder, monkeypatch):
    import torch

    measured = InfillProbe(2.0, 1.9, 1.5, fills_in=True)
    made = base("nameless")
    for choice in ("auto", "qwen2.5-coder"):
        with monkeypatch.context() as patch:
            patch.setattr(
                "codelm.cli.prompt_format.probe_infill", lambda *words: torch.rand(9) is not None and measured
            )
            status, error = fit(made, "--trainer.max_epochs=1", f"--data.formats.fim_format={choice}")
        assert status == 0, error
    first, second = sorted(folder.rglob("adapter_model.safetensors"))
    assert first.read_bytes() == second.read_bytes()


def test_a_format_that_the_tokenizer_cannot_write_is_refused_before_anything_is_read(fit, base, folder):
    made = base("nameless")
    status, error = fit(made, "--data.formats.fim_format=granite-4", "--trainer.max_epochs=1")
    assert status == 0, error
    status, error = fit(made, "--data.formats.fim_format=codestral")
    assert (status, error.count("\n")) == (2, 1)
    assert "has no [SUFFIX], [PREFIX]: give another data.formats.fim_format" in error
    status, error = fit(made, "--data.formats.fim_format=qwen")
    assert status == 2
    assert "fim_format is qwen: give one of auto, starcoder2" in error
