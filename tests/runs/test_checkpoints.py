import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from codelm.errors import DamagedDataError, InputError
from codelm.runs.checkpoints import checkpoint_file, read_weights, saved_step
from codelm.runs.record import RunRecord


def test_last_is_that_of_the_newest_run(runs):
    assert Path(checkpoint_file("last", runs, "x")).parts[-3:] == ("version_10", "checkpoints", "last.ckpt")


def test_best_is_that_of_the_newest_run_which_has_one(runs):
    assert Path(checkpoint_file("best", runs, "x")).parts[-3:] == ("version_2", "checkpoints", "epoch=1-step=9.ckpt")


def test_where_the_best_is_gone_the_last_is_named(tmp_path):
    (tmp_path / "x/version_0/checkpoints").mkdir(parents=True)
    (tmp_path / "x/version_0/checkpoints/last.ckpt").touch()
    with pytest.raises(InputError, match="give --ckpt_path last, which there is, or the file itself"):
        checkpoint_file("best", tmp_path, "x")


def test_no_checkpoint_is_asked_for_by_default(runs):
    assert checkpoint_file(None, runs, "x") is None


@pytest.mark.parametrize("wanted", ["last", "best", "nowhere.ckpt"])
def test_a_checkpoint_that_is_not_there_is_refused(tmp_path, wanted):
    with pytest.raises(InputError, match="--ckpt_path"):
        checkpoint_file(wanted, tmp_path, "x")


def test_a_torn_checkpoint_is_called_damaged(tmp_path):
    (tmp_path / "torn.ckpt").write_bytes(b"PK\x03\x04 and no end")
    with pytest.raises(DamagedDataError, match="damaged"):
        checkpoint_file(str(tmp_path / "torn.ckpt"), tmp_path, "x")


def test_a_checkpoint_whose_bytes_were_changed_is_called_damaged(tmp_path):
    path = tmp_path / "best.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", bytes(1000))
    assert checkpoint_file(str(path), tmp_path, "x") == str(path)
    content = bytearray(path.read_bytes())
    content[500:600] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"best\.ckpt is damaged.*such as --ckpt_path last"):
        checkpoint_file(str(path), tmp_path, "x")


@pytest.mark.parametrize("content", [b"", b"nothing", bytes(100), b"]e", b"\x80\x02ctorch\nnothing\n."])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"a\.ckpt cannot be read \(.+\): use another checkpoint"):
        read_weights(tmp_path / "a.ckpt")


def test_what_was_saved_is_of_the_best_checkpoint_s_step_or_of_this_one_where_there_is_none(tmp_path):
    best = tmp_path / "best.ckpt"
    trainer = SimpleNamespace(checkpoint_callback=SimpleNamespace(best_model_path=str(best)), global_step=9)
    assert saved_step(RunRecord(), trainer) == 9
    torch.save({"global_step": 4, "state_dict": {}}, best)
    assert saved_step(RunRecord(), trainer) == 4
    assert saved_step(RunRecord(weights="last", weights_step=9), trainer) == 9
    best.write_bytes(b"nothing")
    assert saved_step(RunRecord(), trainer) is None
