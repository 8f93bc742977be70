import errno
import json
import os
import time

import numpy as np
import pytest

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.history.samples.pieces import Kind, Role
from codelm.history.store import Split, StoreWriter, new_store, open_store
from codelm.history.tokenization.encoder import Encoded


def encoded(*roles, first=100):
    ids = np.arange(first, first + len(roles), dtype=np.uint32)
    return Encoded(ids, np.array(roles, np.uint8), Kind.CHANGE)


def build(folder, samples=((Role.IGNORED, Role.TARGET), (Role.CONTEXT, Role.TARGET, Role.TARGET))):
    with new_store(folder) as (writer, facts):
        for number, roles in enumerate(samples):
            writer.add(encoded(*roles, first=100 * number), Split.TRAIN, commit=number, path=7)
        facts["about"] = "a test"
    return open_store(folder)


def test_what_was_written_is_read_back(tmp_path):
    store = build(tmp_path / "store")
    ids, roles = store.sample(1)
    assert ids.tolist() == [100, 101, 102]
    assert store.samples[1].tolist() == (2, 3, 2, 0, Kind.CHANGE, Split.TRAIN, 1, 7)
    assert store.indices(Split.TRAIN).tolist() == [0, 1]
    assert store.indices(Split.TEST).tolist() == []
    assert store.facts["about"] == "a test"
    assert roles.dtype == np.uint8
    assert json.loads((store.folder / "facts.json").read_text())["tokens"] == 5


def test_the_first_token_of_a_sample_is_never_learned(tmp_path):
    _, roles = build(tmp_path / "store", [(Role.TARGET, Role.TARGET)]).sample(0)
    assert roles.tolist() == [Role.IGNORED, Role.TARGET]


@pytest.mark.parametrize("roles", [(Role.IGNORED, Role.CONTEXT), (Role.TARGET,), ()])
def test_a_sample_without_targets_is_not_written(tmp_path, roles):
    with new_store(tmp_path / "store") as (writer, _):
        assert not writer.add(encoded(*roles), Split.TRAIN, commit=0, path=0)
        assert len(writer.table) == 0


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def interrupted():
        with new_store(tmp_path / "store") as (writer, _):
            writer.add(encoded(Role.IGNORED, Role.TARGET), Split.TRAIN, commit=0, path=0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["while it is added to", "when it is finished"])
def test_a_full_disk_leaves_nothing_and_names_the_folder_and_the_setting(tmp_path, monkeypatch, moment):
    """Closing a file that is given up writes its buffer, which a full disk refuses too."""

    class FullDisk:
        def __init__(self, file):
            self.file = file

        def write(self, content):
            if moment == "while it is added to":
                raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            self.file.close()
            raise OSError(errno.ENOSPC, "No space left on device")

    def on_full_disk(self, folder):
        opened(self, folder)
        self._tokens = FullDisk(self._tokens)

    opened = StoreWriter.__init__
    monkeypatch.setattr(StoreWriter, "__init__", on_full_disk)
    with pytest.raises(ResourceError) as caught:
        build(tmp_path / "store")
    remedy = "make room there, or choose another with --data.cache"
    assert str(caught.value) == f"cache folder {tmp_path}: No space left on device; {remedy}"
    assert list(tmp_path.iterdir()) == []


def test_what_stopped_a_build_is_raised_also_where_the_disk_is_full(tmp_path, monkeypatch):
    def close(self):
        closed(self)
        raise OSError(errno.ENOSPC, "No space left on device")

    closed = StoreWriter.close
    monkeypatch.setattr(StoreWriter, "close", close)
    with pytest.raises(KeyboardInterrupt), new_store(tmp_path / "store"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_another_process_finished_first_stays(tmp_path):
    with new_store(tmp_path / "store") as (writer, facts):
        writer.add(encoded(Role.IGNORED, Role.TARGET), Split.TRAIN, commit=0, path=0)
        build(tmp_path / "store")
        facts["about"] = "the slower one"
    assert open_store(tmp_path / "store").facts["about"] == "a test"
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("name", ["tokens.bin", "roles.bin", "samples.npy", "facts.json"])
@pytest.mark.parametrize("harm", ["cut", "emptied", "gone"])
def test_a_damaged_store_is_refused_in_one_sentence(tmp_path, name, harm):
    folder = build(tmp_path / "store").folder
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if harm != "gone":
        (folder / name).write_bytes(content[: len(content) // 2] if harm == "cut" else b"")
    with pytest.raises(DamagedDataError, match="delete that folder and run again"):
        open_store(folder)


@pytest.mark.parametrize(
    ("column", "value"),
    [("offset", 2**63), ("length", 4), ("targets", 9), ("kind", 99), ("split", 3), ("commit", 2), ("path", 8)],
)
def test_a_table_that_refers_to_what_is_not_there_is_refused(tmp_path, column, value):
    samples = [(Role.IGNORED, Role.TARGET), (Role.CONTEXT, Role.TARGET, Role.TARGET)]
    with new_store(tmp_path / "store") as (writer, facts):
        for number, roles in enumerate(samples):
            writer.add(encoded(*roles), Split.TRAIN, commit=number, path=7)
        facts |= {"commits": ["a", "b"], "paths": list("abcdefgh")}
    table = open_store(tmp_path / "store").samples.copy()
    table[column][1] = value
    np.save(tmp_path / "store/samples.npy", table)
    with pytest.raises(DamagedDataError, match="delete that folder and run again"):
        open_store(tmp_path / "store")


def test_no_64_bytes_of_the_table_can_be_changed_unnoticed(tmp_path):
    file = build(tmp_path / "store").folder / "samples.npy"
    content = file.read_bytes()
    for first in range(0, len(content) - 63):
        middle = bytes(byte ^ 0xFF for byte in content[first : first + 64])
        file.write_bytes(content[:first] + middle + content[first + 64 :])
        with pytest.raises(DamagedDataError, match="delete that folder and run again"):
            open_store(tmp_path / "store")


def unfinished(cache, name, *, folder_hours, file_hours):
    """Make a folder as a killed process leaves it, so many hours old."""
    (cache / name).mkdir()
    (cache / name / "tokens.bin").write_bytes(b"")
    for path, hours in ((cache / name / "tokens.bin", file_hours), (cache / name, folder_hours)):
        os.utime(path, (time.time() - hours * 3600,) * 2)


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path):
    key = "0123456789abcdef" * 2
    unfinished(tmp_path, f".{key}.a1_b2cd3.tmp", folder_hours=25, file_hours=25)
    unfinished(tmp_path, f".{key}.recent_3.tmp", folder_hours=1, file_hours=1)
    unfinished(tmp_path, f".{key}.writing3.tmp", folder_hours=25, file_hours=1)
    unfinished(tmp_path, ".somebody.else_s_.tmp", folder_hours=25, file_hours=25)
    build(tmp_path / key)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {key, f".{key}.recent_3.tmp", f".{key}.writing3.tmp", ".somebody.else_s_.tmp"}


@pytest.mark.parametrize("cache", ["file", "file/below", "/proc/cache"])
def test_a_cache_that_cannot_be_made_is_refused_by_its_setting(tmp_path, cache):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--data\.cache"), new_store(tmp_path / cache / "store"):
        pytest.fail("built where nothing can be")
