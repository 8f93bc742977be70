import json
import math
import shutil
from functools import cache

import pytest
import torch
from gguf import GGUFReader
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from codelm.errors import DamagedDataError, InputError, ResourceError
from codelm.export import export as exporting
from codelm.export.export import export
from codelm.export.writers import Options
from codelm.files import hashes
from codelm.inference.tuned_model import load_tuned
from codelm.modules.base_model import load_base
from codelm.saved_run import SavedRun
from codelm.special_tokens import STARCODER2

MERGED = {"format_": "merged", "tokens": 20_000}
GGUF = {"format_": "gguf", "type": "f16"}
BOTH = pytest.mark.parametrize("options", [MERGED, GGUF], ids=["merged", "gguf"])


@pytest.fixture
def write(run_with_history, make_source, tmp_path):
    """Return a function that exports the run, without measuring it, and returns the folder and the record."""

    def run(format_, *, tokens=0, to="out", **options):
        source = make_source(run_with_history)
        return tmp_path / to, export(source, Options(format_, **options), tmp_path / to, tokens=tokens, force=False)

    return run


@pytest.fixture(scope="module")
def exported(learned_run, make_source, tmp_path_factory):
    """Return a function that gives an export, which no test may change, and its record; each is made once."""

    @cache
    def run(format_, *, tokens=0, **options):
        folder = tmp_path_factory.mktemp("exports") / "out"
        source = make_source(learned_run)
        return folder, export(source, Options(format_, **options), folder, tokens=tokens, force=False)

    return run


@pytest.fixture(scope="module")
def trained(learned_run, probe):
    """The logits of what was trained."""
    return probe(load_tuned(SavedRun(learned_run)).module.language_model)


def loaded(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto")


def test_a_merged_model_is_what_was_trained(exported, trained, probe):
    folder, record = exported(**MERGED)
    model = loaded(folder)
    assert model.dtype == torch.float16
    assert not hasattr(model.config, "quantization_config")
    torch.testing.assert_close(probe(model), trained, rtol=0.01, atol=0.02)
    assert AutoTokenizer.from_pretrained(folder)("fn a").input_ids[0] == 261
    assert record["files"] == {name: digest for name, digest in hashes(folder).items() if name in record["files"]}
    assert set(hashes(folder)) - set(record["files"]) == {"README.md", "export.json"}
    assert json.loads((folder / "export.json").read_text())["codelm_export"] == 1
    modes = {path.stat().st_mode for path in folder.iterdir()}
    assert len(modes) == 1


def test_a_model_in_32_bits_is_it_within_rounding(write, trained, probe):
    folder, _ = write("merged", type="f32")
    torch.testing.assert_close(probe(loaded(folder)), trained, rtol=1e-4, atol=1e-4)


@BOTH
def test_no_folder_of_this_machine_is_named(exported, learned_run, shared_rust_repository, options):
    folder, _ = exported(**options)
    texts = [path.read_bytes() for path in folder.iterdir()]
    for here in (folder.parent, learned_run.parents[1], shared_rust_repository.parent):
        assert not any(str(here).encode() in text for text in texts)


@pytest.mark.parametrize("type_", ["f16", "f32", "q8_0"])
def test_a_gguf_file_is_read_back_by_transformers(exported, trained, probe, type_):
    folder, record = exported("gguf", type=type_)
    file = f"numbers-{type_}.gguf"
    assert set(record["files"]) == {file, "Modelfile"}
    assert record["largest_logit_difference"] == 0 or type_ == "q8_0"
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file)
    tolerance = {"f32": 1e-4, "f16": 0.02, "q8_0": 0.2}[type_]
    torch.testing.assert_close(probe(model), trained, rtol=tolerance, atol=tolerance)
    fields = GGUFReader(folder / file).fields
    assert fields["general.name"].contents() == "numbers"
    assert (folder / "Modelfile").read_text().startswith(f"FROM ./{file}\n")


def test_the_template_is_of_the_format_that_was_learned(write, run_with_history):
    path = run_with_history / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    infill = ["<fim_prefix>", "<fim_suffix>", "{after}", "<fim_middle>", "{path}\n", "{before}"]
    manifest["phase_results"]["phase_2_tokenize"] = {"format": {"name": "starcoder2-spm", "infill": infill}}
    path.write_text(json.dumps(manifest))
    folder, record = write("gguf")
    assert "<fim_prefix><fim_suffix>{{ .Suffix }}<fim_middle>{{ .Prompt }}" in (folder / "Modelfile").read_text()
    assert record["prompt_format"]["name"] == "starcoder2-spm"


def test_a_gguf_adapter_stands_beside_its_base(write, merging_base, probe):
    folder, record = write("gguf-adapter", with_base=True)
    assert set(record["files"]) == {"numbers-adapter.gguf", "base-f16.gguf", "Modelfile"}
    assert 0 <= record["largest_logit_difference"] < 1e-3
    assert "FROM ./base-f16.gguf\nADAPTER ./numbers-adapter.gguf\n" in (folder / "Modelfile").read_text()
    base = AutoModelForCausalLM.from_pretrained(folder, gguf_file="base-f16.gguf")
    wanted = probe(load_base(str(merging_base), dtype=torch.float16))
    torch.testing.assert_close(probe(base), wanted, rtol=0, atol=0)


def test_without_its_base_it_is_alone(write):
    _, record = write("gguf-adapter")
    assert set(record["files"]) == {"numbers-adapter.gguf", "Modelfile"}


def test_an_adapter_is_the_run_s_own_with_a_card(exported, learned_run, merging_base, trained, probe):
    folder, record = exported("adapter", tokens=20_000)
    assert record["files"] == hashes(learned_run / "adapter")
    model = PeftModel.from_pretrained(load_base(str(merging_base)), str(folder)).eval()
    torch.testing.assert_close(probe(model), trained, rtol=1e-4, atol=1e-4)
    assert (folder / "README.md").is_file()


def test_an_export_measures_itself(exported):
    folder, record = exported(**MERGED)
    measured = record["held_out"]
    assert measured["commits"] == 6
    assert measured["bytes"] > 500
    assert measured["after"] == pytest.approx(measured["before"], rel=0.01)
    assert measured["after"] != measured["before"]  # 16 bits
    assert f"{measured['after']:.4f}" in (folder / "README.md").read_text()
    _, copied = exported("adapter", tokens=20_000)
    same = {"after": measured["before"], "change_percent": 0}
    assert copied["held_out"] == measured | same


def test_what_is_measured_is_the_export(write, monkeypatch):
    def noise(folder, attention):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        torch.nn.init.normal_(model.model.embed_tokens.weight)
        return model.eval()

    monkeypatch.setattr("codelm.export.writers.read_folder", noise)
    _, record = write("merged", tokens=20_000)
    assert record["held_out"]["change_percent"] > 20


def test_without_the_repository_the_export_stands_and_the_card_says_why(
    write, run_with_history, shared_rust_repository, tmp_path, caplog
):
    config, gone = run_with_history / "config.yaml", tmp_path / "gone"
    config.write_text(config.read_text().replace(str(shared_rust_repository), str(gone)))
    folder, record = write("merged", tokens=20_000)
    assert record["held_out"] is None
    assert (
        "not measured, the history that was learned, or the base, was not at hand" in (folder / "README.md").read_text()
    )
    assert f"bits per byte are not measured: {gone}" in caplog.text
    assert str(gone) not in (folder / "README.md").read_text()


def test_an_adapter_is_copied_where_its_base_is_gone(make_source, run_with_history, tmp_path):
    source = make_source(run_with_history, base=str(tmp_path / "gone"))
    record = export(source, Options("adapter"), tmp_path / "out", tokens=100, force=False)
    assert "not at hand" in record["not_measured"]
    with pytest.raises(InputError, match="no such folder"):
        export(source, Options("merged"), tmp_path / "other", tokens=100, force=False)
    assert not (tmp_path / "other").exists()


def test_another_architecture_is_refused_by_name(write, monkeypatch, tmp_path):
    config = type("Llama", (), {"model_type": "llama"})()
    monkeypatch.setattr(exporting, "load_config", lambda *_: config)
    with pytest.raises(InputError, match=r"is a llama: export --format merged, .*convert_hf_to_gguf\.py"):
        write("gguf")
    with pytest.raises(InputError, match=r"is a llama: export --format adapter, .*convert_lora_to_gguf\.py"):
        write("gguf-adapter")
    assert not (tmp_path / "out").exists()


def test_dora_is_refused_before_anything_is_written(write, run_with_history, tmp_path):
    path = run_with_history / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_dora": True}))
    with pytest.raises(InputError, match="DoRA"):
        write("gguf-adapter", tokens=20_000)
    assert not (tmp_path / "out").exists()


@BOTH
def test_room_is_looked_for_before_anything_is_measured_or_written(
    write, exported, monkeypatch, tmp_path, merging_base, options
):
    asked = []

    def full(folder, size):
        asked.append(size)
        raise ResourceError("full")

    monkeypatch.setattr(exporting, "refuse_full_disk", full)
    monkeypatch.setattr(exporting, "held_out_text", None)
    with pytest.raises(ResourceError, match="full"):
        write(**options)
    assert not (tmp_path / "out").exists()
    parameters = sum(weight.numel() for weight in load_base(str(merging_base)).parameters())
    written = sum(path.stat().st_size for path in exported(**options)[0].iterdir())
    assert asked[0] >= 2 * parameters
    assert written < asked[0] + 64 * 2**20


def test_weights_that_16_bits_do_not_hold_are_refused(run_with_history, make_source, merging_base, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(merging_base, dtype=torch.float32)
    with torch.no_grad():
        model.model.norm.bias[0] = 1e6
    base = tmp_path / "large"
    shutil.copytree(merging_base, base)
    model.save_pretrained(base)
    path = run_with_history / "MANIFEST.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model": {"base": str(base)}}))
    source = make_source(run_with_history)
    with pytest.raises(InputError, match=r"norm\.bias .* does not fit into float16: give --type f32"):
        export(source, Options("merged"), tmp_path / "out", tokens=0, force=False)
    export(source, Options("merged", type="f32"), tmp_path / "out", tokens=0, force=False)


def test_an_adapter_of_another_base_is_damaged(run_with_history, make_source, tmp_path):
    from safetensors.torch import load_file, save_file

    path = run_with_history / "adapter" / "adapter_model.safetensors"
    weights = load_file(path)
    save_file({name: torch.cat([tensor, tensor], dim=1) for name, tensor in weights.items()}, path)
    with pytest.raises((DamagedDataError, InputError), match="adapter"):
        export(make_source(run_with_history), Options("merged"), tmp_path / "out", tokens=0, force=False)
    assert not (tmp_path / "out").exists()


def test_exactly_what_was_trained_goes_through_4_bits(run_with_history, make_source, probe, tmp_path):
    path = run_with_history / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["model"]["quantization"] = "nf4"
    path.write_text(json.dumps(manifest))
    config = run_with_history / "config.yaml"
    config.write_text(config.read_text().replace("quantization: none", "quantization: nf4"))
    source = make_source(run_with_history)
    for name, exact in (("exact", True), ("other", False)):
        export(source, Options("merged", exact=exact, type="f32"), tmp_path / name, tokens=0, force=False)
    trained = probe(load_tuned(SavedRun(run_with_history)).module.language_model)
    exact, other = (probe(loaded(tmp_path / name)) for name in ("exact", "other"))
    torch.testing.assert_close(exact, trained, rtol=1e-3, atol=1e-3)
    assert (other - trained).abs().max() > 10 * (exact - trained).abs().max()
    assert "4 bits" in (tmp_path / "exact" / "README.md").read_text()


def test_the_record_is_plain_json(exported):
    folder, record = exported(**MERGED)
    text = (folder / "export.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(record))
    assert math.isfinite(record["held_out"]["before"])
    assert record["prompt_format"]["infill"] == [str(part) for part in STARCODER2.infill]
