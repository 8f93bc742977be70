import hashlib
import json

from codelm.runs.lineage import lineage


def written_run(folder, content):
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "MANIFEST.json").write_text(json.dumps({"codelm_manifest": 1} | content))
    return folder / "adapter"


SUM = hashlib.sha256(b"weights").hexdigest()
READ = [{"name": "x", "tip": "t", "base": None, "split": {"cut": "c", "second_cut": "d"}, "kept": {}}]
FIRST = {"run": "x/version_0", "adapter_sha256": "0", "weights": "best", "repositories": []}


def test_an_adapter_is_named_by_its_run_behind_those_it_comes_from(tmp_path):
    phases = {"phase_1_scrape": {"repositories": READ}}
    content = {"phase_results": phases, "adapter": {"weights": "first"}, "refreshed_from": [FIRST]}
    adapter = written_run(tmp_path / "x" / "version_1", content)
    own = {"run": "x/version_1", "adapter_sha256": SUM, "weights": "first"}
    assert lineage(adapter) == [FIRST, own | {"repositories": [{"name": "x", "tip": "t", "cut": "c"}]}]


def test_a_manifest_from_before_there_were_refreshes_is_the_first(tmp_path):
    adapter = written_run(tmp_path / "x" / "version_0", {})
    own = {"run": "x/version_0", "adapter_sha256": SUM, "weights": None, "repositories": []}
    assert lineage(adapter) == [own]


def test_an_adapter_of_nobody_s_run_has_its_digest(tmp_path):
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    assert lineage(tmp_path) == [{"run": None, "adapter_sha256": SUM, "weights": None, "repositories": []}]
