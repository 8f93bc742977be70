"""The rows, the memory and the time of a run, from small tables and written manifests."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from codelm.cli.inspection import cost
from codelm.cli.inspection.cost import epoch_facts, memory_facts, time_facts
from codelm.cli.quick_settings import quick_settings
from codelm.devices import Device
from codelm.history.store import SAMPLE
from codelm.saved_run import SavedRun

GIB = 2**30
CARD = Device("cuda", "Card", 8 * GIB, 8 * GIB)
PROCESSOR = Device("cpu", "Processor", 64 * GIB, 32 * GIB)


@pytest.fixture
def ten_rows():
    """Samples of ten rows of 64 tokens, all of one commit."""
    samples = np.zeros(20, SAMPLE)
    samples["length"], samples["targets"] = 32, 20
    commit = {"sha": "1", "repository": "a", "time": 0, "author": "Jo <jo@example.org>", "message": "A"}
    table = SimpleNamespace(samples=samples)
    return SimpleNamespace(table=table, training=np.arange(20), commits=[commit], paths=["a.rs"])


@pytest.mark.parametrize(
    ("given", "rows", "total", "steps"),
    [
        (["--trainer.max_epochs=3"], [10], 30, 15),
        (["--trainer.max_epochs=3", "--trainer.accumulate_grad_batches=2"], [10], 30, 9),
        (["--trainer.max_epochs=3", "--trainer.limit_train_batches=2"], [4], 12, 6),
        (["--trainer.max_epochs=3", "--trainer.limit_train_batches=0.4"], [4], 12, 6),
        (["--trainer.max_epochs=3", "--trainer.max_steps=7"], [10], 14, 7),
        (["--trainer.max_epochs=-1", "--trainer.max_steps=7"], [10], 14, 7),
        (["--trainer.max_epochs=null", "--trainer.max_steps=7"], [10], 14, 7),
        (["--trainer.max_epochs=null"], [10], 10_000, 5_000),
        (["--trainer.max_epochs=-1"], [10], 0, 0),
        (["--trainer.max_epochs=2", "--data.batch_size=auto"], [10], 20, 20),
    ],
)
def test_rows_and_steps_are_those_of_the_trainer(ten_rows, given, rows, total, steps):
    sizes = ["--data.sequence_length=64", "--data.curriculum=none", "--data.batch_size=2"]
    settings = quick_settings([*sizes, "--trainer.accumulate_grad_batches=1", *given])
    found = epoch_facts(ten_rows, settings)
    assert [found["rows"], found["total_rows"], found["steps"]] == [rows, total, steps]
    assert found["tokens"] == 64 * rows[-1]


def test_the_epochs_of_a_curriculum_are_packed_each(ten_rows):
    ten_rows.table.samples["length"][:10] = 4
    settings = quick_settings(["--data.sequence_length=64", "--trainer.max_epochs=5"])
    first, rest = epoch_facts(ten_rows, settings)["rows"]
    assert first < rest
    assert epoch_facts(ten_rows, settings)["total_rows"] == first + 4 * rest


def test_without_samples_there_are_no_rows(ten_rows):
    ten_rows.training = ten_rows.training[:0]
    assert epoch_facts(ten_rows, quick_settings([]))["rows"] == []


@pytest.mark.parametrize(
    ("given", "free", "rows", "fits"),
    [
        (["--config=rust"], 8, 4, True),
        (["--config=rust"], 80, 16, True),
        (["--config=rust"], 4, 1, False),
        (["--config=rust", "--config=hardware/6gb"], 80, 1, True),
        (["--config=default"], 6.9, 8, True),
    ],
)
def test_of_traced_steps_the_most_rows_that_fit_are_taken(given, free, rows, fits):
    found = memory_facts(quick_settings(given), CARD._replace(free=int(free * GIB)), [])
    assert [found["source"], found["rows"], found["fits"]] == ["traced", rows, fits]
    assert found["free_gib"] == pytest.approx(free, abs=0.01)


OFFLOADING = "--model.activation_offloading=true"


@pytest.mark.parametrize(("host_free", "rows"), [(64, 16), (14, 8), (3, 2), (0.5, 1)])
def test_what_the_host_is_to_keep_fits_into_its_memory_too(monkeypatch, host_free, rows):
    monkeypatch.setattr(cost, "free_memory", lambda: int(host_free * GIB))
    found = memory_facts(quick_settings(["--config=rust", OFFLOADING]), CARD, [])
    assert [found["source"], found["rows"], found["fits"]] == ["traced", rows, host_free > 0.5]
    assert 0 < found["host"] <= max(0.8 * host_free, 0.73)


def test_a_processor_offloads_nothing():
    given = ["--config=rust"]
    plain = memory_facts(quick_settings(given), PROCESSOR, [])
    assert memory_facts(quick_settings([*given, OFFLOADING]), PROCESSOR, []) == plain


@pytest.mark.parametrize("change", ["--model.quantization=none", "--model.lora.r=7", "--model.lora.targets=[q_proj]"])
def test_of_other_steps_nothing_is_known(change):
    assert memory_facts(quick_settings(["--config=rust", change]), CARD, [])["source"] is None


@pytest.fixture
def make_run(tmp_path):
    def make(name="a", gpus=(), base="tiny", settings="", history=({"step": 100, "seconds": 50.0},)):
        folder = tmp_path / name / "version_0"
        folder.mkdir(parents=True)
        peaks = {"ram_gib": 2.5, "gpu_reserved_gib": 5.5}
        hardware = {"cpu": "Processor", "gpus": [{"name": each} for each in gpus], "peaks": peaks}
        phases = {"phase_4_training": {"history": list(history)}}
        manifest = {"model": {"base": base}, "hardware": hardware, "phase_results": phases}
        (folder / "MANIFEST.json").write_text(json.dumps({"codelm_manifest": 1, **manifest}))
        (folder / "config.yaml").write_text(
            "data: {batch_size: 2, sequence_length: 1024}\ntrainer: {accumulate_grad_batches: 4}\n"
            "model: {quantization: nf4, gradient_checkpointing: false}\n" + settings
        )
        return SavedRun(folder)

    return make


def test_time_and_memory_are_those_of_the_newest_run_with_the_same_base_on_the_same_device(make_run):
    runs = [make_run("other", base="llama"), make_run("card", gpus=["Card"]), make_run("broken"), make_run()]
    (runs[2].folder / "config.yaml").write_text("[")
    settings = quick_settings(["--config=tiny", "--data.sequence_length=512", "--evaluation.minutes=7"])
    found = time_facts(settings, {"total_rows": 3200}, PROCESSOR, runs)
    speed = 100 * 2 * 4 * 1024 / 50  # steps, rows, batches, tokens, seconds
    assert found == {
        "source": "a/version_0",
        "tokens_per_second": speed,
        "training_minutes": pytest.approx(3200 * 512 / speed / 60),
        "evaluation_minutes": 7.0,
    }
    memory = memory_facts(settings, PROCESSOR, runs)
    assert [memory["source"], memory["peak_gib"], memory["rows"]] == ["a/version_0", 2.5, 2]
    memory = memory_facts(settings, CARD, runs)
    assert [memory["source"], memory["peak_gib"]] == ["card/version_0", 5.5]


@pytest.mark.parametrize("run", [{"base": "llama"}, {"gpus": ["Card"]}, {"gpus": ["Card", "Card"]}, {"history": ()}])
def test_where_no_run_can_tell_the_time_it_is_not_known(make_run, run):
    settings = quick_settings(["--config=tiny", "--evaluation.enabled=false"])
    found = time_facts(settings, {"total_rows": 3200}, PROCESSOR, [make_run(**run)])
    assert found == {"source": None, "evaluation_minutes": 0.0}
