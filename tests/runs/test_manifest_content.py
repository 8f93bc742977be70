import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.files import hashes
from codelm.runs.manifest_content import phase_results, to_json, training_phase
from codelm.runs.record import Validation


@pytest.fixture
def validation():
    return lambda **changes: Validation(
        **({"epoch": 1, "step": 10, "train_loss": 2.0, "val_loss": 1.0, "seconds": 6.0} | changes)
    )


@pytest.fixture
def phase(validation):
    def make(*history, saved=None, base_loss=1.5, seconds=90.0, stopped_early=False):
        return training_phase(
            history, saved, train_loss=None, base_loss=base_loss, seconds=seconds, stopped_early=stopped_early
        )

    return make


def test_the_five_phases_each_have_their_time(phase):
    facts = {name: {"seconds": number} for number, name in enumerate(("analysis", "scrape", "tokenize"))}
    results = phase_results(facts, phase())
    assert list(results) == [
        "phase_0_analysis",
        "phase_1_scrape",
        "phase_2_tokenize",
        "phase_3_embeddings",
        "phase_4_training",
    ]
    assert [result["seconds"] for result in results.values()] == [0, 1, 2, 0.0, 90.0]
    assert results["phase_3_embeddings"]["status"] == "skipped"


def test_the_final_numbers_are_those_of_what_was_saved(validation, phase):
    best = validation(epoch=2, step=20, train_loss=1.25, val_loss=0.5)
    stats = phase(validation(), best, validation(epoch=3, val_loss=0.75), saved=best)["training_stats"]
    assert stats.pop("losses_are_of").keys() == {"final_train_loss", "final_val_loss"}
    assert stats == {
        "final_train_loss": 1.25,
        "final_val_loss": 0.5,
        "final_perplexity": math.exp(0.5),
        "training_time_minutes": 1.5,
        "base_val_loss": 1.5,
        "base_perplexity": math.exp(1.5),
        "best_epoch": 2,
        "best_step": 20,
        "stopped_early": False,
    }


def test_before_the_first_validation_the_numbers_are_unknown(phase):
    stats = phase(base_loss=None)["training_stats"]
    assert stats["final_val_loss"] is stats["final_perplexity"] is stats["base_perplexity"] is None


@pytest.mark.parametrize(
    ("loss", "perplexity"), [(0.0, 1.0), (709.7, math.exp(709.7)), (1e4, None), (math.nan, None), (math.inf, None)]
)
def test_a_perplexity_beyond_all_numbers_is_unknown(phase, loss, perplexity):
    assert phase(base_loss=loss)["training_stats"]["base_perplexity"] == perplexity


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), VALUES))
def test_whatever_a_manifest_holds_is_json_without_infinities(content):
    def refuse(word):
        raise AssertionError(word)

    json.loads(to_json(content), parse_constant=refuse)


def test_numbers_of_other_libraries_and_settings_become_plain():
    @dataclass(frozen=True, slots=True)
    class Settings:
        rank: int

    values = [np.float32("nan"), np.int64(3), torch.tensor(2.5), Settings(4), {1}, np.bool_(True), Path("runs")]
    assert json.loads(to_json({"values": values}))["values"] == [None, 3, 2.5, {"rank": 4}, [1], True, "runs"]


def test_files_are_hashed_by_their_place_in_the_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("abc")
    assert hashes(tmp_path) == {"a/b.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    assert hashes(tmp_path / "absent") == hashes(None) == {}


def test_characters_that_act_on_a_terminal_are_written_by_their_numbers():
    content = {"a\x1b[2J": ["\x9b31m", "\u202e", "é 漢", "\U000e0001"]}
    text = to_json(content)
    assert text.replace("\n", "").isprintable()
    assert "é 漢" in text
    assert json.loads(text) == content
