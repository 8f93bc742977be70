import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from codelm.errors import InputError
from codelm.export import served_gguf as module
from codelm.export.served_gguf import served_gguf

pytest.importorskip("gguf", reason="gguf, which writes the file, is not installed")


@pytest.fixture
def found(run_with_history, make_source, tmp_path):
    """Return a function that gives the file of the run as it is now, and when it was written."""

    def ask():
        file, context = served_gguf(make_source(run_with_history), tmp_path / "cache")
        assert context == 1024
        return file, file.stat().st_mtime_ns

    return ask


def append(path, data):
    path.write_bytes(path.read_bytes() + data)


def test_it_is_made_once_from_what_was_trained(found, run_with_history, tmp_path):
    file, made = found()
    record = json.loads((file.parent / "export.json").read_text())
    assert (record["format"], record["type"], record["merge"]) == ("gguf", "f16", "exact")
    assert file.is_relative_to(tmp_path / "cache" / "served")
    assert not (run_with_history / "export").exists()
    assert found() == (file, made)


def test_of_two_first_starts_one_makes_it_and_the_other_waits(found, monkeypatch):
    exports, original = [], module.export

    def slowly(*arguments, **options):
        exports.append(1)
        time.sleep(0.5)
        return original(*arguments, **options)

    monkeypatch.setattr(module, "export", slowly)
    with ThreadPoolExecutor(2) as starts:
        one, other = (start.result() for start in [starts.submit(found) for _ in range(2)])
    assert one == other
    assert one[0].is_file()
    assert len(exports) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda run, folder: append(run / "MANIFEST.json", b" "),
        lambda run, folder: append(run / "adapter" / "adapter_config.json", b" "),
        lambda run, folder: append(next(folder.glob("*.gguf")), b"x"),
        lambda run, folder: (folder / "Modelfile").unlink(),
        lambda run, folder: (folder / "export.json").write_text("{}"),
        lambda run, folder: (folder / "export.json").write_text('{"codelm_export": 1, "codelm": "0"}'),
    ],
    ids=["manifest", "adapter", "damaged", "incomplete", "foreign", "older"],
)
def test_it_is_made_anew_where_run_or_file_have_changed(found, run_with_history, change):
    file, made = found()
    content = file.read_bytes()
    change(run_with_history, file.parent)
    again, later = found()
    assert (again, again.read_bytes()) == (file, content)
    assert later > made


def test_each_run_has_its_own(found, run_with_history, make_source, tmp_path):
    other = shutil.copytree(run_with_history, tmp_path / "other" / "numbers" / "version_0")
    file, _ = served_gguf(make_source(other), tmp_path / "cache")
    assert file != found()[0]
    assert file.read_bytes() == found()[0].read_bytes()


def test_a_base_that_was_replaced_is_refused(found, run_with_history):
    found()
    path = run_with_history / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["model"]["base_identity"]["files"]["tokenizer_sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="another tokenizer"):
        found()
