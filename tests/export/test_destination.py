import shutil
from types import SimpleNamespace

import pytest

from codelm.errors import InputError, ResourceError
from codelm.export.destination import RECORD, new_export, refuse_full_disk, refuse_taken


def write(folder, text="new"):
    folder.mkdir()
    (folder / RECORD).write_text('{"codelm_export": 1}')
    (folder / "model").write_text(text)
    return folder


@pytest.mark.parametrize("force", [True, False])
def test_a_new_or_empty_folder_is_free(tmp_path, force):
    refuse_taken(tmp_path / "new", force=force)
    refuse_taken(tmp_path, force=force)


def test_an_export_is_replaced_by_force_alone(tmp_path):
    folder = write(tmp_path / "old")
    with pytest.raises(InputError, match="--force"):
        refuse_taken(folder, force=False)
    refuse_taken(folder, force=True)


@pytest.mark.parametrize("record", [None, "", "[]", "1", "{}"])
def test_what_is_no_export_is_never_replaced(tmp_path, record):
    (tmp_path / "precious").write_text("")
    if record is not None:
        (tmp_path / RECORD).write_text(record)
    for force in (True, False):
        with pytest.raises(InputError, match="no export of codelm"):
            refuse_taken(tmp_path, force=force)
    with pytest.raises(InputError, match="no export of codelm"):
        refuse_taken(tmp_path / "precious", force=True)


def test_an_export_appears_whole_or_not_at_all(tmp_path):
    folder = write(tmp_path / "old", "old")
    with pytest.raises(ResourceError, match="Is a directory"), new_export(folder, force=True) as unfinished:
        unfinished.write_text("half")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (folder / "model").read_text() == "old"
    with new_export(folder, force=True) as unfinished:
        (unfinished / "model").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["model"]
    assert (folder / "model").read_text() == "new"


def test_what_has_come_meanwhile_stays(tmp_path):
    with pytest.raises(InputError, match="--force"), new_export(tmp_path / "a", force=False):
        write(tmp_path / "a", "theirs")
    assert (tmp_path / "a" / "model").read_text() == "theirs"


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * 10**9))
    refuse_full_disk(tmp_path / "a" / "b", 10**9)
    with pytest.raises(ResourceError, match=r"2\.00 GB are free and 2\.07 needed; make room .*--to"):
        refuse_full_disk(tmp_path / "a" / "b", 2 * 10**9)


@pytest.mark.parametrize("error", [ValueError("No space left on device (os error 28)"), OSError(28, "No space left")])
def test_a_disk_that_has_become_full_is_named(tmp_path, error):
    with pytest.raises(ResourceError, match=r"No space left.*make room"), new_export(tmp_path / "a", force=False):
        raise error
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_kind_stays_what_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError), new_export(tmp_path / "a", force=False):
        raise ZeroDivisionError


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="--to"), new_export(tmp_path / "file" / "a", force=False):
        pass


def test_what_a_killed_command_left_is_named(tmp_path, caplog):
    (tmp_path / ".new.12.tmp").mkdir()
    with new_export(tmp_path / "new", force=False):
        pass
    assert ".new.12.tmp was left by a command that was killed: remove it" in caplog.text
