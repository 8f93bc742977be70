import subprocess
import sys
from functools import wraps
from pathlib import Path

import pytest

from codelm.bases import locate
from codelm.errors import InputError
from experiments.pretrain import command


@pytest.fixture
def evaluated(monkeypatch):
    folders = []
    monkeypatch.setattr("experiments.pretrain.evaluate.report", lambda folder, *_: folders.append(folder))
    return folders


def test_the_whole_way_evaluates_the_model_that_it_has_written(monkeypatch, tmp_path, evaluated):
    for stage in ("corpus", "tokenizer", "rows", "train", "finish"):
        monkeypatch.setattr(command, stage, wraps(getattr(command, stage))(lambda options: None))
    assert command.main(["--work", str(tmp_path), "all", "--output", str(tmp_path / "mine")]) == 0
    assert evaluated == [tmp_path / "mine"]


@pytest.mark.parametrize(("given", "folder"), [([], Path(locate("tiny"))), (["--model", "other"], Path("other"))])
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
    done = subprocess.run(program, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == InputError.exit_status
    assert done.stderr.startswith("experiments.pretrain: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", [".", "{link}", "../tiny"])
def test_an_untrained_model_never_takes_the_trained_one_s_place(tmp_path, monkeypatch, capsys, folder):
    (tmp_path / "link").symlink_to(locate("tiny"))
    monkeypatch.setattr("experiments.pretrain.export.write_model", lambda *_: pytest.fail("written"))
    monkeypatch.chdir(locate("tiny"))
    output = folder.format(link=tmp_path / "link")
    assert command.main(["--work", str(tmp_path), "untrained", "--output", output]) == InputError.exit_status
    assert "is the trained model's folder" in capsys.readouterr().err


def test_a_model_has_an_embedding_for_each_entry_of_its_tokenizer(tmp_path, monkeypatch):
    from experiments.pretrain.tokenizer import save, train_bpe

    save(tokenizer := train_bpe(["fn main() {}\n" * 50], 270), tmp_path / "tokenizer", 4096)
    shapes = []
    monkeypatch.setattr("experiments.pretrain.train.train", lambda *_, shape, **__: shapes.append(shape))
    assert command.main(["--work", str(tmp_path), "train"]) == 0
    assert [shape.vocabulary for shape in shapes] == [tokenizer.get_vocab_size()]
