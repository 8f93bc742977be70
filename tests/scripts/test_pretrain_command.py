from pathlib import Path

import pytest

from scripts.pretrain import command


@pytest.fixture
def evaluated(monkeypatch):
    folders = []
    monkeypatch.setattr("scripts.pretrain.evaluate.report", lambda folder, *_: folders.append(folder))
    return folders


def test_the_whole_way_evaluates_the_model_that_it_has_written(monkeypatch, tmp_path, evaluated):
    options = command.parser().parse_args(["--work", str(tmp_path), "all", "--output", str(tmp_path / "mine")])
    for stage in ("corpus", "tokenizer", "rows", "train", "finish"):
        monkeypatch.setattr(command, stage, lambda options: None)
    command.everything(options)
    assert evaluated == [tmp_path / "mine"]


@pytest.mark.parametrize(("given", "folder"), [([], command.TINY), (["--model", "other"], Path("other"))])
def test_the_bundled_model_is_evaluated_where_no_other_is_named(evaluated, given, folder):
    command.main(["evaluate", *given])
    assert evaluated == [folder]


def test_a_model_has_an_embedding_for_each_entry_of_its_tokenizer(tmp_path):
    entries = tokenizer_in(tmp_path)
    options = command.parser().parse_args(["--work", str(tmp_path), "train"])
    assert command.shape(options).vocabulary == entries


def tokenizer_in(work):
    from scripts.pretrain.tokenizer import save, train_bpe

    save(tokenizer := train_bpe(["fn main() {}\n" * 50], 270), work / "tokenizer", 4096)
    return tokenizer.get_vocab_size()
