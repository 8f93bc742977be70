import shutil

import pytest

from codelm.bases import BUNDLED
from codelm.bases.tokenizer import load_tokenizer
from codelm.datamodules import GitCommitDataModule
from codelm.errors import DamagedDataError, InputError


def test_the_bundled_tokenizer_reads():
    assert load_tokenizer("tiny")("fn", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("kind", ["starcoder2", "llama", "qwen2"])
def test_a_folder_without_a_tokenizer_is_refused_in_one_sentence(tmp_path, kind):
    config = (BUNDLED["tiny"] / "config.json").read_text().replace('"starcoder2"', f'"{kind}"')
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match=r"^base model \S+ .*tokenizer.*") as refused:
        load_tokenizer(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_base_without_its_tokenizer_is_refused_before_the_history_is_read(tmp_path, monkeypatch, rust_repository):
    shutil.copy(BUNDLED["tiny"] / "config.json", tmp_path)
    monkeypatch.setattr("codelm.datamodules.git_commits.build_store", lambda *_: pytest.fail("the history was read"))
    data = GitCommitDataModule(str(tmp_path), str(rust_repository), cache=str(tmp_path / "cache"))
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        data.prepare_data()


def test_a_tokenizer_whose_file_cannot_be_read_is_named_with_the_system_s_reason(monkeypatch):
    def fail(*_, **__):
        raise Exception("Input/output error (os error 5)")  # as tokenizers 0.23 does

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", fail)
    with pytest.raises(InputError, match=r"^base model tiny cannot be had: Input/output error"):
        load_tokenizer("tiny")


@pytest.mark.parametrize(("right", "wrong"), [('"rstrip"', '"rstriq"'), ("{", "["), ('"ByteLevel"', '"ByteLevem"')])
def test_a_damaged_tokenizer_is_refused_in_one_line(tmp_path, right, wrong):
    folder = shutil.copytree(BUNDLED["tiny"], tmp_path / "base")
    file = folder / "tokenizer.json"
    file.write_text(file.read_text().replace(right, wrong, 1))
    with pytest.raises((DamagedDataError, InputError), match=r"^base model \S+ cannot be (read|had): .*") as refused:
        load_tokenizer(str(folder))
    assert "\n" not in str(refused.value)
