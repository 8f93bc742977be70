import pytest
from transformers import AutoConfig

from codelm.bases.local_files import local_positions
from codelm.modules.base_model import load_config, max_positions


@pytest.mark.parametrize("family", ["starcoder2", "gpt2", "gpt_bigcode", "mpt", "gemma3", "llama"])
def test_the_positions_of_a_base_are_those_that_its_model_is_made_with(tmp_path, family):
    config = AutoConfig.for_model(family)
    config.save_pretrained(tmp_path)
    found = local_positions(str(tmp_path))
    assert found == max_positions(load_config(str(tmp_path)))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"max_position_embeddings": "x"}', '{"text_config": 3}'])
def test_without_a_number_they_are_not_known(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert local_positions(str(tmp_path)) is None


def test_nothing_is_asked_of_a_base_that_is_not_here(tmp_path):
    assert local_positions(str(tmp_path)) is None
    assert local_positions("no-such/base") is None
