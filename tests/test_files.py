import os
import subprocess
import sys

import pytest

from codelm.files import left_unfinished, lock_of, new_folder, remove_unfinished, write_text


def test_a_file_is_written_with_its_folder(tmp_path):
    write_text(tmp_path / "a" / "b.json", "größe")
    assert (tmp_path / "a" / "b.json").read_text(encoding="utf-8") == "größe"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "b.json"
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "\ud800")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_the_one_that_was_there(tmp_path):
    for name in ("first", "second"):
        with new_folder(tmp_path / "adapter") as folder:
            (folder / name).write_text(name)
    assert [path.name for path in (tmp_path / "adapter").iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_folder_that_fails_leaves_the_one_that_was_there(tmp_path):
    with new_folder(tmp_path / "adapter") as folder:
        (folder / "first").write_text("first")
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "adapter") as folder:  # noqa: PT012
        (folder / "second").write_text("second")
        raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "adapter").iterdir()] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_folder_that_cannot_take_the_name_leaves_the_one_that_was_there(tmp_path, monkeypatch):
    with new_folder(tmp_path / "adapter") as folder:
        (folder / "first").write_text("first")
    replace = type(folder).replace

    def refuse(self, target):
        if self.name.endswith(".tmp"):
            raise PermissionError
        return replace(self, target)

    monkeypatch.setattr(type(folder), "replace", refuse)
    with pytest.raises(PermissionError), new_folder(tmp_path / "adapter"):
        pass
    assert [path.name for path in (tmp_path / "adapter").iterdir()] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_what_a_killed_process_left_half_written_is_removed_and_what_stepped_aside_for_it_is_put_back(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for name in (".last.ckpt.12.tmp", "last.ckpt", ".hidden", ".notes.tmp"):
        (tmp_path / "checkpoints" / name).write_text(name)
    for name in (".adapter.12.tmp", ".adapter.12.old", "evaluation", ".evaluation.12.old"):
        write_text(tmp_path / name / "file", name)
    remove_unfinished(tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        *(f"checkpoints/{name}" for name in ("last.ckpt", ".hidden", ".notes.tmp")),
        "adapter/file",
        "evaluation/file",
    }
    assert (tmp_path / "adapter/file").read_text() == ".adapter.12.old"
    assert (tmp_path / "evaluation/file").read_text() == "evaluation"


def test_what_other_processes_left_of_a_folder_is_found(tmp_path):
    for name in (
        ".data.12.tmp",
        ".data.x.tmp",
        ".data.12.tmp.13.tmp",
        ".other.12.tmp",
        "data",
        f".data.{os.getpid()}.tmp",
    ):
        (tmp_path / name).mkdir()
    assert left_unfinished(tmp_path / "data") == [tmp_path / ".data.12.tmp"]


def test_another_process_waits_for_a_lock_and_gets_it_where_its_holder_is_killed(tmp_path):
    code = f"import pathlib; from codelm.files import lock_of\nwith lock_of(pathlib.Path({str(tmp_path / 'a')!r})):\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{code}    print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"1\n"
        waiting = subprocess.Popen([sys.executable, "-c", f"{code}    print(2)"], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        holder.kill()
    assert waiting.communicate(timeout=20) == (b"2\n", None)


def test_where_there_can_be_no_lock_nobody_waits(tmp_path):
    (tmp_path / "file").write_text("")
    with lock_of(tmp_path / "file" / "a"), lock_of(tmp_path / "file" / "a"):
        assert (tmp_path / "file").is_file()
