import pytest

from codelm.bases import BUNDLED
from codelm.bases.fast_tokenizer import load_fast_tokenizer
from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import InputError
from codelm.history.tokenization.encoder import Encoder


@pytest.mark.parametrize("base", ["tiny", "folder"])
def test_it_makes_the_tokens_that_transformers_tokenizer_makes(base, tiny_base):
    name = str(tiny_base) if base == "folder" else base
    fast, whole = load_fast_tokenizer(name), load_tokenizer(name)
    assert Encoder(fast).fingerprint == Encoder(whole).fingerprint
    assert (fast.eos_token_id, fast.unk_token_id) == (whole.eos_token_id, whole.unk_token_id)


def test_where_there_is_none_nothing_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    (tmp_path / "config.json").write_text("{}")
    assert load_fast_tokenizer(str(tmp_path)) is None
    assert load_fast_tokenizer("nobody/has-this-base") is None


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json cannot be read") as refused:
        load_fast_tokenizer(str(tmp_path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("config", ["", "[]", '{"eos_token": {"content": "<|endoftext|>"}}'])
def test_a_configuration_may_be_missing_or_write_tokens_with_their_properties(tmp_path, config):
    (tmp_path / "tokenizer.json").write_bytes((BUNDLED["tiny"] / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(config)
    assert load_fast_tokenizer(str(tmp_path)).eos_token_id == (0 if "eos" in config else None)
