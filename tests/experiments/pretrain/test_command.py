import subprocess
import sys
from pathlib import Path

import pytest

from codelm.errors import InputError
from experiments.pretrain import command


@pytest.fixture
def evaluated(monkeypatch):
    folders = []
    monkeypatch.setattr("experiments.pretrain.evaluate.report", lambda folder, *_: folders.append(folder))
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


def test_what_a_user_can_mend_ends_in_one_line(tmp_path, capsys):
    assert command.main(["--work", str(tmp_path), "finish"]) == InputError.exit_status
    message = capsys.readouterr().err
    assert message.startswith(
        f"experiments.pretrain: there is no checkpoint {tmp_path / 'run' / 'last.ckpt'}: run the stage train"
    )
    assert message.count("\n") == 1


def test_the_program_fails_where_its_stage_does(tmp_path):
    program = [sys.executable, "-m", "experiments.pretrain", "--work", str(tmp_path), "finish"]
    done = subprocess.run(program, cwd=command.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == InputError.exit_status
    assert done.stderr.startswith("experiments.pretrain: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", [".", "link", "../tiny"])
def test_an_untrained_model_never_takes_the_trained_one_s_place(tmp_path, monkeypatch, capsys, folder):
    trained = tmp_path / "tiny"
    trained.mkdir()
    (trained / "link").symlink_to(trained)
    monkeypatch.setattr(command, "TINY", trained)
    monkeypatch.setattr("experiments.pretrain.export.write_model", lambda *_: pytest.fail("written"))
    monkeypatch.chdir(trained)
    assert command.main(["--work", str(tmp_path), "untrained", "--output", folder]) == InputError.exit_status
    assert "is the trained model's folder" in capsys.readouterr().err


def test_a_model_has_an_embedding_for_each_entry_of_its_tokenizer(tmp_path):
    entries = tokenizer_in(tmp_path)
    options = command.parser().parse_args(["--work", str(tmp_path), "train"])
    assert command.shape(options).vocabulary == entries


def tokenizer_in(work):
    from experiments.pretrain.tokenizer import save, train_bpe

    save(tokenizer := train_bpe(["fn main() {}\n" * 50], 270), work / "tokenizer", 4096)
    return tokenizer.get_vocab_size()
