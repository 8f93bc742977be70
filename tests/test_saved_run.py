import json
import os

import pytest

from codelm.errors import DamagedDataError, InputError
from codelm.files import hashes
from codelm.saved_run import SavedRun, find_run, saved_runs, sealed


@pytest.fixture
def make_run(tmp_path):
    def make(name, version, manifest=None, config="model: {lora: {r: 8}, base: tiny}\nextra: {}\n"):
        folder = tmp_path / "runs" / name / f"version_{version}"
        folder.mkdir(parents=True)
        text = manifest if isinstance(manifest, str) else json.dumps({"codelm_manifest": 1, **(manifest or {})})
        (folder / "MANIFEST.json").write_text(text)
        (folder / "config.yaml").write_text(config)
        return folder

    return make


def test_a_run_is_found_by_its_folder_by_a_file_in_it_and_by_its_name(make_run, tmp_path):
    folder = make_run("ripgrep", 0)
    (folder / "adapter").mkdir()
    runs = tmp_path / "runs"
    ways = [folder, folder / "config.yaml", folder / "adapter", folder / "adapter" / "x.safetensors"]
    assert {find_run(str(way), runs).folder for way in ways} == {folder}
    assert find_run("ripgrep/version_0", runs).folder == folder
    assert find_run("ripgrep", runs).label == "ripgrep/version_0"


def test_the_newest_run_is_the_one_whose_manifest_was_written_last(make_run, tmp_path):
    old, new, other = make_run("a", 1), make_run("a", 0), make_run("b", 0)
    for seconds, folder in enumerate((old, new, other)):
        os.utime(folder / "MANIFEST.json", (seconds, seconds))
    assert find_run("a", tmp_path / "runs").folder == new
    assert find_run(None, tmp_path / "runs").folder == other
    assert [each.folder for each in saved_runs(tmp_path / "runs")] == [other, new, old]
    assert saved_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize("given", [None, "ripgrep"])
@pytest.mark.parametrize("output", ["runs", "nothing/at/all"])
def test_where_there_is_no_run_the_remedy_is_named(tmp_path, given, output):
    (tmp_path / "runs" / "ripgrep" / "version_0").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no run.*--output FOLDER"):
        find_run(given, tmp_path / output)


def test_a_folder_that_is_no_run_s_is_told_from_a_name_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"is not the folder of a run that has ended: it holds no MANIFEST\.json"):
        find_run(str(tmp_path), tmp_path / "runs")


def test_settings_have_their_full_names(make_run):
    assert SavedRun(make_run("a", 0)).settings == {"model.lora.r": 8, "model.base": "tiny", "extra": {}}


def test_a_figure_is_found_by_its_keys(make_run):
    run = SavedRun(make_run("a", 0, {"x": {"y": 1}}))
    assert [run.figure("x", "y"), run.figure("x", "z"), run.figure("x", "y", "z")] == [1, None, None]


def test_a_manifest_is_never_read_with_a_byte_that_has_flipped(make_run):
    content = {"codelm_manifest": 2, "status": "completed", "loss": 1.25, "name": "é"}
    folder = make_run("a", 0, json.dumps(sealed(content), indent=2))
    file, written = folder / "MANIFEST.json", (folder / "MANIFEST.json").read_bytes()
    assert SavedRun(folder).manifest == content
    for place in range(len(written)):
        for bits in (1, 3, 32):
            file.write_bytes(written[:place] + bytes([written[place] ^ bits]) + written[place + 1 :])
            try:
                assert SavedRun(folder).manifest == content, (place, bits)
            except DamagedDataError:
                continue


def test_an_adapter_is_what_was_saved_or_refused(make_run):
    folder = make_run("a", 0)
    (folder / "adapter").mkdir()
    (folder / "adapter" / "tokenizer.json").write_text("{}")
    SavedRun(folder).refuse_changed_adapter()  # a run of an earlier version does not say what it saved
    folder = make_run("a", 1, {"adapter": {"sha256": hashes(folder / "adapter")}})
    (folder / "adapter").mkdir()
    for content in (None, "{ }"):
        if content:
            (folder / "adapter" / "tokenizer.json").write_text(content)
        with pytest.raises(DamagedDataError, match=r"adapter/tokenizer\.json is not what a/version_1 saved"):
            SavedRun(folder).refuse_changed_adapter()
    (folder / "adapter" / "tokenizer.json").write_text("{}")
    SavedRun(folder).refuse_changed_adapter()


@pytest.mark.parametrize("manifest", ["", "{", "[]", "{}", "[" * 100_000])
def test_a_damaged_manifest_is_named(make_run, manifest):
    run = SavedRun(make_run("a", 0, manifest))
    with pytest.raises(DamagedDataError, match=r"MANIFEST\.json"):
        _ = run.manifest


@pytest.mark.parametrize(
    "config", ["", "a", "[1]", "a: [", "a: &x [1]\nb: *x\n", "a: 2020-99-99\n", "\0", "a: !!python/name:os.system\n"]
)
def test_a_damaged_configuration_is_named(make_run, config):
    run = SavedRun(make_run("a", 0, config=config))
    with pytest.raises(DamagedDataError, match=r"config\.yaml"):
        _ = run.settings


def test_bytes_that_are_no_text_are_damage_and_a_missing_file_is_a_wrong_folder(make_run):
    folder = make_run("a", 0)
    (folder / "config.yaml").write_bytes(b"\xff")
    with pytest.raises(DamagedDataError, match="not text"):
        _ = SavedRun(folder).settings
    (folder / "config.yaml").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        _ = SavedRun(folder).settings


@pytest.mark.parametrize("name", ["config.yaml", "MANIFEST.json"])
@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_what_is_no_file_is_not_waited_for(make_run, name, put):
    path = make_run("a", 0) / name
    path.unlink()
    put(path)
    with pytest.raises(InputError, match=f"{name} is no file; give the folder of a run"):
        getattr(SavedRun(path.parent), "settings" if name == "config.yaml" else "manifest")


def test_a_file_of_no_sensible_size_is_not_read(make_run, monkeypatch):
    monkeypatch.setattr("codelm.saved_run._MOST_BYTES", 10)
    with pytest.raises(DamagedDataError, match="more than"):
        _ = SavedRun(make_run("a", 0)).manifest
