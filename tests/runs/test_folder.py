import errno
import shutil
import subprocess
import sys

import pytest

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.runs.checkpoints import checkpoint_file
from codelm.runs.folder import claimed_folder, next_version
from codelm.runs.name import run_name


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../../x", "a b", "x" * 65, "\n"])
def test_a_name_that_is_no_plain_folder_is_refused(name):
    with pytest.raises(InputError, match="cannot name a folder"):
        run_name(name, ["."])


def test_a_name_that_a_user_chose_is_taken():
    assert run_name("v1.2_try-3", ["/src/x"]) == "v1.2_try-3"


def test_without_a_name_the_run_is_called_as_the_repository():
    assert run_name(None, ["ripgrep"]) == "ripgrep"
    assert run_name(None, ["ripgrep", "fd", "bat"]) == "ripgrep-and-2-more"


@pytest.mark.parametrize("name", ["..", "/", "a/../b", "\n", "-x", "n" * 999, "\u00fc"])
def test_a_repository_of_any_name_names_a_folder(name):
    made = run_name(None, [name])
    assert run_name(made, []) == made


def test_each_run_gets_the_next_number(tmp_path):
    (tmp_path / "version_9").mkdir()
    (tmp_path / "version_x").mkdir()
    assert next_version(tmp_path).name == "version_10"
    assert next_version(tmp_path).name == "version_11"


def test_a_number_taken_meanwhile_is_stepped_over(tmp_path, monkeypatch):
    (tmp_path / "version_0").mkdir()
    monkeypatch.setattr("codelm.runs.folder.version_number", lambda path: -1)
    assert next_version(tmp_path).name == "version_1"


def fail_in(output, leave, error):
    """Claim a folder, leave something in it, and fail."""
    with claimed_folder(output, "x") as folder:
        leave(folder)
        raise error


def test_a_run_that_was_asked_the_impossible_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError):
        fail_in(
            tmp_path / "runs", lambda folder: (folder / "config.yaml").write_text("name: x"), InputError("no commits")
        )
    assert list(tmp_path.iterdir()) == []


def test_what_was_learned_is_never_removed(tmp_path):
    with pytest.raises(InputError):
        fail_in(tmp_path / "runs", lambda folder: (folder / "checkpoints").mkdir(), InputError("too late"))
    assert (tmp_path / "runs" / "x" / "version_0" / "checkpoints").is_dir()


def test_a_failed_run_keeps_its_record(tmp_path):
    with pytest.raises(RuntimeError):
        fail_in(tmp_path / "runs", lambda folder: (folder / "MANIFEST.json").write_text("{}"), RuntimeError())
    assert (tmp_path / "runs" / "x" / "version_0" / "MANIFEST.json").is_file()


@pytest.mark.parametrize("error", [DamagedDataError("weights"), ResourceError("memory")], ids=["damaged", "resource"])
def test_a_run_that_could_not_begin_leaves_nothing_and_one_that_had_keeps_its_record(tmp_path, error):
    with pytest.raises(type(error)):
        fail_in(tmp_path / "early", lambda folder: (folder / "config.yaml").write_text("name: x"), error)
    assert list(tmp_path.iterdir()) == []
    for name in ("MANIFEST.json", "checkpoints", "adapter"):
        with pytest.raises(type(error)):
            fail_in(tmp_path / "late", lambda folder, name=name: (folder / name).mkdir(), error)
    assert len(list((tmp_path / "late" / "x").iterdir())) == 3


def test_a_full_disk_is_found_before_anything_is_written(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codelm.runs.folder.os.fsync", full)
    with pytest.raises(ResourceError, match=r"No space left.*--output"), claimed_folder(tmp_path / "runs", "x"):
        pytest.fail("handed over a folder without room")
    assert list(tmp_path.iterdir()) == []


def test_of_the_try_for_room_nothing_stays(tmp_path):
    with claimed_folder(tmp_path, "x") as folder:
        assert list(folder.iterdir()) == [folder / ".lock"]


def test_older_runs_stay_when_a_new_one_is_taken_back(tmp_path):
    old = tmp_path / "runs" / "x" / "version_0"
    old.mkdir(parents=True)
    with pytest.raises(InputError), claimed_folder(tmp_path / "runs", "x"):
        raise InputError("no commits")
    assert list((tmp_path / "runs" / "x").iterdir()) == [old]


def test_a_run_goes_on_in_its_own_folder(runs):
    checkpoint = checkpoint_file("best", runs, "x")
    with claimed_folder(runs, "x", checkpoint) as folder:
        assert folder == runs / "x" / "version_2"
    assert (folder / "checkpoints").is_dir()


def test_a_copied_run_goes_on_where_its_configuration_lies(runs, tmp_path):
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(runs / "x" / "version_2", copy)
    configs = [copy / "config.yaml"]
    with claimed_folder(runs, "x", checkpoint_file("last", runs, "x", configs), configs) as folder:
        assert folder == copy.resolve()
    assert (folder / "checkpoints").is_dir()


def test_a_run_that_is_refused_to_go_on_has_its_files_and_no_more(runs):
    folder = runs / "x" / "version_2"
    (folder / "events.out.tfevents.1").touch()
    before = sorted(folder.rglob("*"))

    def refuse():
        (folder / "events.out.tfevents.2").touch()
        raise InputError("another history")

    with (
        pytest.raises(InputError),
        claimed_folder(runs, "x", checkpoint_file("last", runs, "x", [folder / "config.yaml"])),
    ):
        refuse()
    assert sorted(folder.rglob("*")) == before


def test_a_run_from_the_checkpoint_of_another_gets_a_folder_of_its_own(runs):
    with claimed_folder(runs, "y", checkpoint_file("last", runs, "x")) as folder:
        assert folder == runs / "y" / "version_0"


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(InputError, match="--output"), claimed_folder(tmp_path / "runs", "x"):
        pytest.fail("handed over a folder that cannot be")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_two_processes_never_go_on_in_one_folder_at_once(runs):
    """Two runs resumed at the same moment would write each other's checkpoints, and each other's manifest."""
    checkpoint = checkpoint_file("last", runs, "x")
    code = f"""
from pathlib import Path
from codelm.runs.folder import claimed_folder
with claimed_folder(Path({str(runs)!r}), "x", {checkpoint!r}):
    print("here", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "here\n"
        with pytest.raises(InputError, match=f"version_10 is in use by another run, process {other.pid}: let it end"):
            enter(runs, checkpoint)
        other.kill()
    folder = runs / "x" / "version_10"
    (folder / ".MANIFEST.json.12.tmp").write_text("half")
    with claimed_folder(runs, "x", checkpoint):
        assert [path.name for path in folder.iterdir() if path.name != "checkpoints"] == [".lock"]
    assert [path.name for path in folder.iterdir()] == ["checkpoints"]


def enter(output, checkpoint=None):
    with claimed_folder(output, "x", checkpoint):
        pass


def test_the_next_run_of_that_name_removes_what_a_killed_one_left_half_written(tmp_path):
    killed = tmp_path / "x/version_0"
    (killed / ".adapter.12.tmp").mkdir(parents=True)
    (killed / ".lock").write_text("12")
    enter(tmp_path)
    assert list(killed.iterdir()) == []


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("codelm.runs.folder.fcntl.flock", refuse)
    with claimed_folder(tmp_path, "x") as folder:
        assert folder.is_dir()
