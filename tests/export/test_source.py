import json
import re
import shutil

import pytest

from codelm.errors import DamagedDataError, InputError
from codelm.export.source import refuse_changed_base, trained_format
from codelm.files import hashes


def test_a_finished_run_is_taken_as_its_manifest_says(make_source, tuned_run, roomy_base):
    source = make_source()
    assert source.adapter == tuned_run[0] / "adapter"
    assert (source.name, source.base, source.revision) == ("numbers", str(roomy_base), None)
    assert source.adapter_config["lora_alpha"] == 8
    assert refuse_changed_base(source)


def test_the_base_may_lie_elsewhere_by_now(make_source):
    source = make_source(base="/elsewhere")
    assert source.base == "/elsewhere"
    assert source.base_name.endswith("roomy")


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_a_stopped_run_has_an_adapter_too(change_manifest, make_source, status):
    assert make_source(change_manifest(status=status)).run.figure("status") == status


def test_a_run_that_has_not_ended_is_refused_with_the_way_on(change_manifest, make_source):
    folder = change_manifest(status="running")
    anew = f"has not ended: let it, or end it with codelm fit --config {folder / 'config.yaml'}"
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    with pytest.raises(InputError, match=f"{re.escape(anew)} if it was killed"):
        make_source(folder)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(InputError, match=f"{re.escape(anew)} --ckpt_path last if"):
        make_source(folder)


@pytest.mark.parametrize("missing", ["adapter", "adapter/adapter_config.json", "adapter/adapter_model.safetensors"])
def test_a_run_without_an_adapter_is_refused(run_copy, make_source, missing):
    path = run_copy / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=r"numbers/version_0 \(completed\) has no adapter"):
        make_source(run_copy)


def test_an_adapter_that_was_changed_is_damaged(run_copy, change_manifest, make_source):
    change_manifest(adapter={"weights": "best", "sha256": hashes(run_copy / "adapter")})
    make_source(run_copy)
    path = run_copy / "adapter" / "adapter_config.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(DamagedDataError, match=r"adapter_config\.json is not what numbers/version_0 saved"):
        make_source(run_copy)


@pytest.mark.parametrize("what", ["config", "weights"])
def test_a_base_that_has_changed_is_refused(change_manifest, make_source, run_copy, what):
    model = json.loads((run_copy / "MANIFEST.json").read_text())["model"]
    model["base_identity"]["files"][f"{what}_sha256"] = "0" * 64
    with pytest.raises(InputError, match=rf"another {what} than when .*--base"):
        refuse_changed_base(make_source(change_manifest(model=model)))


def test_a_run_that_does_not_say_what_its_base_was_cannot_be_told(change_manifest, make_source, roomy_base):
    assert not refuse_changed_base(make_source(change_manifest(model={"base": str(roomy_base)})))


class Tokens:
    def get_vocab(self):
        return {}


def test_the_format_is_the_one_that_was_learned(change_manifest, make_source):
    learned = {"name": "x", "infill": ["<fim_prefix>"]}
    folder = change_manifest(phase_results={"phase_2_tokenize": {"format": learned}})
    assert trained_format(make_source(folder), Tokens()) == learned
    folder = change_manifest(phase_results={"phase_2_tokenize": {"status": "unknown"}})
    assert trained_format(make_source(folder), Tokens()) == {"name": "left-to-right", "infill": []}


@pytest.mark.parametrize("infill", ["text", ['{before}"""\nFROM ./other'], ["`"], ["\x1b[31m"], [1]])
def test_a_format_that_is_none_of_codelm_s_is_refused(change_manifest, make_source, infill):
    folder = change_manifest(phase_results={"phase_2_tokenize": {"format": {"name": "x", "infill": infill}}})
    with pytest.raises(DamagedDataError, match="a format of prompts that is none of codelm's"):
        trained_format(make_source(folder), Tokens())
