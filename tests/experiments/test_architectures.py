import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # of the architectures' own code

PACKED = ["starcoder2", "llama", "qwen2", "qwen3_moe", "gemma4_text"]
ONE_BY_ONE = ["falcon", "bloom", "gpt_oss", "opt", "qwen3_next", "mamba"]


@pytest.mark.parametrize("family", [*PACKED, *ONE_BY_ONE])
def test_training_on_packed_rows_equals_transformers_on_each_sample_alone(family):
    from experiments.architectures import try_family

    outcome = try_family(family)
    assert outcome.refusal == ""
    assert outcome.packed == (family in PACKED)
    assert outcome.deviation < 1e-4  # float32; a sample that sees another is off by more than 0.01


def test_a_family_that_takes_too_long_is_said_to(monkeypatch):
    import time

    from experiments import architectures

    monkeypatch.setattr(architectures, "try_family", lambda family: time.sleep(60))
    assert architectures.try_in_process("llama", 0.2).refusal == "cannot be tried within 0.2 seconds"


def test_the_table_replaces_the_file_s_last_section_and_keeps_the_rest(tmp_path, capsys):
    from experiments.architectures import main

    file = tmp_path / "models.md"
    file.write_text("# Models\n\n## The families of transformers\n\nold\n")
    assert main([str(file), "starcoder2", "cohere"]) == 0
    text = file.read_text()
    assert text.startswith("# Models\n\n## The families of transformers\n\nTried with transformers ")
    assert "2 families, of which 1 are packed, 0 computed one by one and 1 refused" in text
    assert "\n| starcoder2 | packed | sdpa | " in text
    assert "\n| cohere | scales or caps its logits" in text
    assert "old" not in text


def test_a_file_that_cannot_be_written_is_named(tmp_path, capsys):
    from experiments.architectures import main

    assert main([str(tmp_path / "no" / "models.md"), "nothing"]) == 2
    assert capsys.readouterr().err.endswith("models.md cannot be written: No such file or directory\n")
