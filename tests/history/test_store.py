import errno
import json
import os
import pickle
import time
from random import Random

import numpy as np
import pytest

from codelm.errors import InputError, ResourceError
from codelm.history.held_out_changes import HeldOutChange, held_out_writer
from codelm.history.samples.pieces import Kind, Role
from codelm.history.store import DamagedStoreError, Split, StoreWriter, new_store, open_store
from codelm.history.store_folders import remove_store
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


ALL_FILES = [
    "commits.jsonl",
    "facts.json",
    "roles.bin",
    "samples.npy",
    "sums.txt",
    "test.jsonl.gz",
    "tokens.bin",
    "unread.txt",
]


@pytest.fixture
def whole(tmp_path):
    """The folder of a store with every file that one can have."""
    random = np.random.default_rng(13)
    with new_store(tmp_path / "store") as (writer, _), held_out_writer(writer.folder) as write:
        for number in range(40):
            writer.add_commit({"sha": f"{number:040x}"})
            writer.add(encoded(*random.integers(0, 3, 50), Role.TARGET), Split.TRAIN, commit=number, path=0)
            write(HeldOutChange(number, "a.rs", f"fn number_{number}() {{}}\n", ((0, 1),)))
        (writer.folder / "unread.txt").write_text(f"{13:040x}\n")
    open_store(tmp_path / "store")
    return tmp_path / "store"


def test_a_store_is_never_used_with_a_byte_that_has_flipped(whole):
    random = Random(13)
    assert sorted(path.name for path in whole.iterdir()) == ALL_FILES
    used = []
    for number in range(300):
        file = whole / ALL_FILES[number % len(ALL_FILES)]
        content = file.read_bytes()
        place, flipped = random.randrange(len(content)), random.randrange(1, 256)
        file.write_bytes(content[:place] + bytes([content[place] ^ flipped]) + content[place + 1 :])
        try:
            open_store(whole)
            used.append((file.name, place, flipped))
        except DamagedStoreError:
            pass
        file.write_bytes(content)
    assert used == []
    open_store(whole)


@pytest.mark.parametrize("name", ALL_FILES)
@pytest.mark.parametrize("harm", ["cut", "longer", "emptied", "gone", "a folder", "of another store"])
def test_a_damaged_store_is_refused_in_one_sentence(whole, tmp_path, name, harm):
    build(tmp_path / "other")
    content = (whole / name).read_bytes()
    (whole / name).unlink()
    if harm == "a folder":
        (whole / name).mkdir()
    elif harm == "of another store" and (tmp_path / "other" / name).exists():
        (tmp_path / "other" / name).rename(whole / name)
    elif harm in ("cut", "longer", "emptied"):
        (whole / name).write_bytes({"cut": content[:-1], "longer": content + b"\n", "emptied": b""}[harm])
    with pytest.raises(DamagedStoreError) as refused:
        open_store(whole)
    assert str(refused.value).startswith(f"the cache {whole} is damaged (")
    assert str(refused.value).endswith("): run again, and it is made anew")
    assert name in refused.value.what


def test_a_store_under_the_name_of_another_is_refused(whole, tmp_path):
    whole.rename(tmp_path / "renamed")
    with pytest.raises(DamagedStoreError, match="it was made as store"):
        open_store(tmp_path / "renamed")


def test_a_store_of_before_there_were_checksums_is_refused(whole):
    (whole / "sums.txt").unlink()
    with pytest.raises(DamagedStoreError, match=r"sums\.txt: No such file"):
        open_store(whole)


def test_hidden_files_that_a_file_system_adds_are_no_damage(whole):
    (whole / ".nfs000001").write_text("")
    open_store(whole)


def test_a_damaged_store_gives_way_to_one_that_is_made_anew(whole):
    (whole / "roles.bin").write_bytes(b"")
    assert build(whole).facts["about"] == "a test"
    assert [path.name for path in whole.parent.iterdir()] == ["store"]


def test_a_store_is_removed_in_one_step_and_its_readers_keep_it(whole):
    store = open_store(whole)
    ids = store.sample(7)[0]
    remove_store(whole)
    remove_store(whole)  # as the second of two processes that both found it damaged
    assert list(whole.parent.iterdir()) == []
    assert store.sample(7)[0].tolist() == ids.tolist()


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


def test_a_store_goes_to_another_process_by_the_name_of_its_folder(whole):
    store = open_store(whole)
    pickled = pickle.dumps(store)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert [again.tokens.tobytes(), list(again.commits)] == [store.tokens.tobytes(), list(store.commits)]
