import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from codelm.errors import DamagedDataError, InputError
from codelm.runs.checkpoint_io import AtomicCheckpointIO
from codelm.runs.checkpoints import MARK, checkpoint_file, read_step, read_weights, saved_step
from codelm.runs.record import RunRecord


def test_last_is_that_of_the_newest_run(runs):
    assert Path(checkpoint_file("last", runs, "x")).parts[-3:] == ("version_10", "checkpoints", "last.ckpt")


def test_best_is_that_of_the_newest_run_which_has_one(runs):
    assert Path(checkpoint_file("best", runs, "x")).parts[-3:] == ("version_2", "checkpoints", "epoch=1-step=9.ckpt")


@pytest.mark.parametrize("wanted", ["last", "best"])
def test_the_run_whose_configuration_is_given_comes_before_the_newest(runs, wanted):
    config = runs / "x/version_2/config.yaml"
    for configs in ([config], ["configs/rust.yaml", config], [config, "mine.yaml"]):
        found = Path(checkpoint_file(wanted, runs, "x", list(map(Path, configs))))
        assert found.parent == config.parent / "checkpoints"


def test_a_configuration_of_ones_own_beside_checkpoints_is_not_that_of_a_run(runs):
    own = runs / "x/version_2/mine.yaml"
    assert Path(checkpoint_file("last", runs, "x", [own])).parts[-3] == "version_10"


def test_the_run_whose_configuration_is_given_is_named_where_it_has_none(runs):
    config = runs / "x/version_10/config.yaml"
    with pytest.raises(InputError, match=r"the run .*version_10 has none; give --ckpt_path last, which there is"):
        checkpoint_file("best", runs, "x", [config])


def test_a_run_that_was_killed_before_its_first_checkpoint_does_not_go_on_in_another(runs):
    killed = runs / "x/version_11"
    killed.mkdir()
    (killed / "MANIFEST.json").touch()
    with pytest.raises(
        InputError, match=r"version_11 has none; give the file itself, or leave --ckpt_path out to begin"
    ):
        checkpoint_file("last", runs, "x", [killed / "config.yaml"])


def test_a_folder_is_no_checkpoint(runs):
    with pytest.raises(InputError, match="is a folder; give a file in it, or last or best"):
        checkpoint_file(str(runs / "x/version_2/checkpoints"), runs, "x")


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


def scored(folder, name, score, step, *, mode="min", mark=True):
    """Write a checkpoint that has recorded its score, or as Lightning's own class records it."""
    ours = {MARK: {"score": score, "mode": mode}, "callbacks": {}}
    theirs = {
        "callbacks": {
            f"ModelCheckpoint{{'monitor': 'val/loss', 'mode': '{mode}'}}": {"current_score": torch.tensor(score or 0.0)}
        }
    }
    folder.mkdir(parents=True, exist_ok=True)
    torch.save((ours if mark else theirs) | {"global_step": step, "state_dict": {}}, folder / f"{name}.ckpt")


@pytest.mark.parametrize("mark", [True, False], ids=["ours", "of Lightning's own class"])
@pytest.mark.parametrize(("mode", "wanted"), [("min", "b"), ("max", "c")])
def test_the_best_of_several_is_that_with_the_best_score_wherever_the_run_lies(tmp_path, mode, wanted, mark):
    folder = tmp_path / "x/version_0/checkpoints"
    for step, (name, score) in enumerate({"a": 2.0, "b": 1.0, "c": 3.0, "last": 0.5, "last-v1": 0.4}.items()):
        scored(folder, name, score, step, mode=mode, mark=mark)
    shutil.move(tmp_path / "x", tmp_path / "moved")
    assert checkpoint_file("best", tmp_path, "moved") == str(tmp_path / f"moved/version_0/checkpoints/{wanted}.ckpt")


def test_the_last_of_several_is_that_of_the_last_step(tmp_path):
    folder = tmp_path / "x/version_0/checkpoints"
    for name, step in {"last-v1": 9, "last-v2": 12, "last": 6}.items():
        scored(folder, name, 1.0, step)
    assert Path(checkpoint_file("last", tmp_path, "x")).name == "last-v2.ckpt"


def test_a_file_without_a_score_or_that_cannot_be_read_is_the_best_only_where_there_is_no_other(tmp_path):
    folder = tmp_path / "x/version_0/checkpoints"
    scored(folder, "good", 1.0, 3)
    scored(folder, "unknown", None, 9)
    (folder / "torn.ckpt").write_bytes(b"PK")
    assert Path(checkpoint_file("best", tmp_path, "x")).name == "good.ckpt"
    (folder / "good.ckpt").unlink()
    assert Path(checkpoint_file("best", tmp_path, "x")).name == "unknown.ckpt"


class Touch:
    """What runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "read", [read_weights, read_step, AtomicCheckpointIO().load_checkpoint], ids=["weights", "step", "all"]
)
@pytest.mark.parametrize("key", ["state_dict", "global_step", "callbacks"])
def test_no_checkpoint_runs_code_whoever_wrote_it(tmp_path, read, key, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")
    whole = {"state_dict": {}, "global_step": 1, "callbacks": {}, "pytorch-lightning_version": "2.6.6"}
    torch.save(whole | {key: Touch(tmp_path / "ran")}, tmp_path / "evil.ckpt")
    with pytest.raises(DamagedDataError) as refused:
        read(tmp_path / "evil.ckpt")
    assert "weights_only" not in str(refused.value), "torch's advice to let the file run code is not handed on"
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "evil.ckpt", weights_only=False)
    assert (tmp_path / "ran").exists(), "what must not run would not have run in any case"


@pytest.mark.parametrize("content", [b"", b"nothing", bytes(100), b"]e", b"\x80\x02ctorch\nnothing\n."])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"a\.ckpt is damaged, or not one of codelm's; give another"):
        read_weights(tmp_path / "a.ckpt")


def test_what_was_saved_is_of_the_best_checkpoint_s_step_or_of_this_one_where_there_is_none(tmp_path):
    best = tmp_path / "best.ckpt"
    trainer = SimpleNamespace(checkpoint_callback=SimpleNamespace(best_model_path=str(best)), global_step=9)
    assert saved_step(RunRecord(), trainer) == 9
    torch.save({"global_step": 4, "state_dict": {}}, best)
    assert saved_step(RunRecord(), trainer) == 4
    record = RunRecord()
    record.weights, record.weights_step = "last", 9
    assert saved_step(record, trainer) == 9
    best.write_bytes(b"nothing")
    assert saved_step(RunRecord(), trainer) is None


@pytest.mark.parametrize("record", [0, 1, -1])
def test_an_archive_with_a_record_that_is_marked_as_a_folder_is_refused(tmp_path, record):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"weight": torch.ones(3)}}, path)
    with zipfile.ZipFile(path) as archive:
        content, name = path.read_bytes(), archive.infolist()[record].filename.encode()
        place = content.index(name, archive.start_dir) - 8  # external attributes, in the central directory
    path.write_bytes(content[:place] + b"\x10" + content[place + 1 :])
    with pytest.raises(DamagedDataError, match="is damaged"):
        checkpoint_file(str(path), tmp_path, "run")
    with pytest.raises(DamagedDataError, match="is damaged"):
        read_weights(path)
