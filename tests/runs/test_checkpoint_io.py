import errno
import zipfile
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins import TorchCheckpointIO

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.runs.checkpoint_io import AtomicCheckpointIO, use_atomic_checkpoints

OURS = {"pytorch-lightning_version": "2.6.0", "state_dict": {"weight": torch.ones(3)}}


class Forbidden:
    """What a checkpoint may not name: unpickling it would run code."""


def saved(path, content):
    torch.save(content, path)
    return path


def test_a_checkpoint_is_read_as_it_was_written_and_nothing_lies_beside_it(tmp_path):
    files = AtomicCheckpointIO()
    for step in (1, 2):
        files.save_checkpoint(OURS | {"global_step": step}, tmp_path / "checkpoints/last.ckpt")
    assert files.load_checkpoint(tmp_path / "checkpoints/last.ckpt")["global_step"] == 2
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


def test_a_full_disk_leaves_the_checkpoint_before_and_no_half_of_another(tmp_path, monkeypatch):
    files = AtomicCheckpointIO()
    files.save_checkpoint(OURS | {"global_step": 1}, tmp_path / "last.ckpt")

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(ResourceError) as caught:
        files.save_checkpoint(OURS | {"global_step": 2}, tmp_path / "last.ckpt")
    remedy = "make room there, or choose another with --output"
    assert str(caught.value) == f"checkpoint folder {tmp_path}: No space left on device; {remedy}"
    assert files.load_checkpoint(tmp_path / "last.ckpt")["global_step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_folder_that_may_not_be_written_to_is_not_said_to_be_full(tmp_path, monkeypatch):
    def refuse(path, content):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ResourceError, match="Permission denied; choose another with --output"):
        AtomicCheckpointIO().save_checkpoint(OURS, tmp_path / "last.ckpt")


@pytest.mark.parametrize(
    "content",
    [{"model": torch.ones(2)}, {"state_dict": {}}, [1, 2], Forbidden()],
    ids=["other keys", "only weights", "no dictionary", "code"],
)
def test_what_lightning_did_not_write_is_refused_without_a_word_of_letting_it_run(tmp_path, content):
    path = saved(tmp_path / "foreign.ckpt", content)
    with pytest.raises(DamagedDataError) as caught:
        AtomicCheckpointIO().load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "such as --ckpt_path last" in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_nobody_may_let_a_checkpoint_run_code(tmp_path):
    with pytest.raises(InputError, match="weights_only is false: a checkpoint could run code"):
        AtomicCheckpointIO().load_checkpoint(saved(tmp_path / "last.ckpt", OURS), weights_only=False)


def test_an_archive_that_torch_did_not_write_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "last.ckpt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DamagedDataError, match="such as --ckpt_path best"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")


def test_a_trainer_keeps_the_way_of_checkpoints_that_its_user_chose(tmp_path):
    class Own(TorchCheckpointIO):
        """The user's."""

    for plugins, kind in (([Own()], Own), ([], AtomicCheckpointIO)):
        trainer = Trainer(accelerator="cpu", default_root_dir=tmp_path, logger=False, plugins=plugins)
        use_atomic_checkpoints(trainer)
        assert type(trainer.strategy.checkpoint_io) is kind
