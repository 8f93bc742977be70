import hashlib
import json
import logging
import math
import os
from types import SimpleNamespace

import pytest

from codelm.errors import InputError
from codelm.modules.adapters import LoRA
from codelm.runs.figures import FOLDER
from codelm.runs.manifest_content import MANIFEST_FILE
from codelm.runs.tested_run import earlier_epochs, earlier_prompts, fingerprint, no_epochs, report_folder
from codelm.saved_run import sealed

WEIGHTS = hashlib.sha256(b"weights").hexdigest()
DOT = {"epoch": 1, "step": 9, "repository_change_percent": None, "general_change_percent": 0.5, "chosen": True}


def scraped(*names, cut="a" * 40):
    """Return what the manifest tells of the scrape of some repositories."""
    return {"repositories": [{"name": name, "split": {"cut": cut}} for name in names]}


@pytest.fixture
def tested(tmp_path):
    """Return a function that makes a run which learned from one thing, and tests its checkpoint on another."""

    def test(learned, given, *, record=None, drawn=(1, 2, 3), formats=("starcoder2", "starcoder2"), loras=(None, None)):
        (learned_format, given_format) = ({"format": {"name": name}} for name in formats)
        phases = {"phase_1_scrape": learned, "phase_2_tokenize": learned_format}
        told = {"codelm_manifest": 1, "phase_results": phases, "evaluation": {"run": {"learned": record}}}
        told |= {"model": {"lora": loras[0]}}
        (tmp_path / MANIFEST_FILE).write_text(learned if isinstance(learned, str) else json.dumps(told))
        data = SimpleNamespace(store=SimpleNamespace(facts={"scrape": given, "tokenize": given_format}))
        return report_folder(tmp_path / "checkpoints/best.ckpt", data, lambda step: drawn[:step], loras[1])

    return test


def test_a_run_that_learned_from_what_is_given_takes_the_report(tested, tmp_path, caplog):
    assert tested(scraped("a", "b"), scraped("a", "b")) == tmp_path
    assert not caplog.records


@pytest.mark.parametrize("given", [scraped("b", cut="b" * 40), scraped("a", cut="b" * 40), scraped("a", "b")])
def test_no_report_tells_a_run_that_it_learned_from_something_else(given, tested, tmp_path, caplog):
    assert tested(scraped("a"), given) is None
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    names = ", ".join(f"{each['name']} cut at {each['split']['cut'][:10]}" for each in given["repositories"])
    assert f"the run learned from a cut at aaaaaaaaaa, this is {names}; " in line
    assert f"for a report give --config {tmp_path / 'config.yaml'}" in line


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (scraped("new", "b"), "for a report rename the folder back to a"),
        (scraped("new", "newer"), "for a report rename the folders back to a, b"),
    ],
)
def test_a_renamed_repository_is_to_get_its_name_back_as_the_settings_of_the_run_cannot(given, remedy, tested, caplog):
    assert tested(scraped("a", "b"), given) is None
    assert caplog.records[-1].getMessage().endswith(remedy)


def test_samples_in_another_format_get_no_report(tested, tmp_path, caplog):
    assert tested(scraped("a"), scraped("a"), formats=("starcoder2", "left-to-right")) is None
    assert f"samples in format starcoder2, these are in left-to-right; give --config {tmp_path}" in caplog.text


@pytest.mark.parametrize("other", [{"alpha": 8.0}, {"rslora": True}, {"inference_scale": 1.0}], ids=str)
def test_an_adapter_that_counts_for_more_than_the_runs_gets_no_report(tested, tmp_path, caplog, other):
    recorded = {"r": 4, "alpha": 4.0, "rslora": False, "dora": False, "inference_scale": 0.75, "loraplus_ratio": 4.0}
    same, scaled = (LoRA(**recorded | each) for each in ({"loraplus_ratio": 1.0}, other))
    assert tested(scraped("a"), scraped("a"), loras=(recorded, same)) == tmp_path
    assert tested(scraped("a"), scraped("a"), loras=(recorded, scaled)) is None
    [(name, value)] = other.items()
    said = f"model.lora.{name} {recorded[name]}, this is {value}; give --config {tmp_path / 'config.yaml'}"
    assert said in caplog.text


def test_settings_that_draw_other_samples_get_no_report(tested, tmp_path, caplog):
    record = fingerprint(2, [1, 2])
    assert tested(scraped("a"), scraped("a"), record=record) == tmp_path
    assert tested(scraped("a"), scraped("a"), record=record, drawn=(1, 3, 2)) is None
    assert f"learned other samples than these settings draw; give --config {tmp_path / 'config.yaml'}" in caplog.text


@pytest.mark.parametrize("manifest", ["{", "[]", "{}"])
def test_a_damaged_manifest_gets_no_report(manifest, tested, caplog):
    assert tested(manifest, scraped("a")) is None
    assert "no report, the test loss alone: " in caplog.text
    assert "MANIFEST.json is" in caplog.text


def test_a_manifest_without_a_history_gets_no_report(tested, caplog):
    told = {"codelm_manifest": 1, "phase_results": {"phase_1_scrape": {"status": "unknown"}}}
    assert tested(json.dumps(told), scraped("a")) is None
    assert "does not say what the checkpoint has learned from" in caplog.text


def test_a_manifest_that_was_changed_gets_no_report_and_tells_of_no_completions(tested, tmp_path, caplog):
    evaluations = [
        {"epoch": epoch, "step": 3 * epoch, "completions": [{"prompt": "a", "text": "b"}]} for epoch in (0, 1)
    ]
    told = {"codelm_manifest": 2, "phase_results": {"phase_1_scrape": scraped("a")}}
    text = json.dumps(sealed(told | {"behavior": {"evaluations": evaluations}}))
    assert tested(text, scraped("a")) == tmp_path
    assert len(earlier_prompts(tmp_path, 3)) == 1
    assert tested(text.replace(f'"{"a" * 40}"', f'"{"b" * 40}"'), scraped("a", cut="b" * 40)) is None
    assert "MANIFEST.json is damaged: its sha256 is another" in caplog.text
    assert earlier_prompts(tmp_path, 3) == []


def test_a_manifest_of_another_run_gets_no_report(tested, tmp_path, caplog):
    told = {"codelm_manifest": 2, "phase_results": {"phase_1_scrape": scraped("a")}}
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_model.safetensors").write_text("weights")
    own, other = ({"adapter": {"sha256": {"adapter_model.safetensors": each}}} for each in (WEIGHTS, "0" * 64))
    assert tested(json.dumps(sealed(told | own)), scraped("a")) == tmp_path
    assert tested(json.dumps(sealed(told | other)), scraped("a")) is None
    assert "by its manifest" in caplog.text


def test_a_checkpoint_without_a_manifest_gets_no_report_and_nothing_is_written(tmp_path, caplog):
    data = SimpleNamespace(store=SimpleNamespace(facts={"scrape": scraped("a")}))
    assert report_folder(tmp_path / "elsewhere/checkpoints/model.ckpt", data, lambda step: []) is None
    assert f"there is no {tmp_path / 'elsewhere' / MANIFEST_FILE}" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", ["", FOLDER])
def test_a_folder_that_cannot_take_the_report_is_refused_before_anything_is_read(closed, tested, tmp_path, monkeypatch):
    (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / closed)
    with pytest.raises(InputError, match="cannot be written to, and the report would go there"):
        tested(scraped("a"), scraped("a"))


@pytest.mark.parametrize("epochs", [[], [DOT], [DOT, DOT | {"repository_change_percent": -3.5}]])
def test_the_dots_of_a_run_are_those_it_left(epochs, tmp_path):
    assert earlier_epochs(tmp_path) == []
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "figures.json").write_text(json.dumps({"epochs": epochs}))
    assert earlier_epochs(tmp_path) == epochs


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"epochs": null}', "{", '{"epochs": [1, 2]}', "[" * 100_000])
def test_a_damaged_record_has_no_epochs(content, tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "figures.json").write_text(content)
    assert earlier_epochs(tmp_path) == []
    assert "figures.json of the run holds none that can be read" in no_epochs(tmp_path)


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(tmp_path):
    (tmp_path / FOLDER).mkdir()
    os.mkfifo(tmp_path / FOLDER / "figures.json")
    assert earlier_epochs(tmp_path) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"epoch": "<b>"},
        {"step": None},
        {"general_change_percent": math.nan},
        {"general_change_percent": None},
        {"general_change_percent": 10**400},
    ],
)
def test_what_is_no_dot_is_not_taken_for_one(wrong, tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "figures.json").write_text(json.dumps({"epochs": [DOT, DOT | wrong]}))
    assert earlier_epochs(tmp_path) == []


def test_a_run_that_looked_at_no_epoch_is_told_which_setting_looks(tmp_path):
    assert "evaluation.every_n_epochs" in no_epochs(tmp_path)


@pytest.mark.parametrize("told", ["no JSON", "[]", '{"behavior": null}', '{"behavior": {"evaluations": [{}]}}'])
def test_a_damaged_record_of_completions_shows_none(tmp_path, told):
    (tmp_path / MANIFEST_FILE).write_text(told)
    assert earlier_prompts(tmp_path, 3) == []
