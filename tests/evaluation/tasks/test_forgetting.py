import math

import pytest

from codelm.evaluation.budget import Deadline
from codelm.evaluation.general import Text
from codelm.evaluation.tasks.forgetting import general, own_bits_per_byte, parts_of


def test_the_figures_are_those_of_the_texts_read_part_by_part(few_texts, examinee, examined_base):
    found = general(examinee, examined_base, Deadline(600))
    assert found["bytes"] == sum(len(text.text) for text in few_texts)
    parts = [part for text in few_texts for part in parts_of(text.text, examined_base, examinee.room)]
    tuned = sum(cost.sum() for cost in examinee.surprise(parts)) / math.log(2) / found["bytes"]
    assert found["tuned"] == pytest.approx(tuned)
    assert found["forgetting_percent"] == pytest.approx(100 * (found["tuned"] / found["base"] - 1))
    assert own_bits_per_byte(examinee, examined_base) == pytest.approx(found["tuned"])
    with examinee.as_base():
        assert own_bits_per_byte(examinee, examined_base) == pytest.approx(found["base"])


def test_a_wrong_adapter_has_forgotten_and_none_has_not(few_texts, make_examinee, examined_base, learned_base):
    wrong = make_examinee(scale=3.0, base=learned_base)
    assert general(wrong, examined_base, Deadline(600))["forgetting_percent"] > 5
    assert general(make_examinee(scale=0), examined_base, Deadline(600))["forgetting_percent"] == 0


def test_each_source_is_told_apart_and_libraries_do_not_count_as_ours(few_texts, monkeypatch, examinee, examined_base):
    library = Text("c.py", "python", "python standard library", "import os\n" * 4)
    monkeypatch.setattr("codelm.evaluation.tasks.forgetting.local", lambda: [library])
    found = general(examinee, examined_base, Deadline(600))
    own = {text.source: len(text.text) for text in few_texts}
    assert {name: each["bytes"] for name, each in found["by_source"].items()} == own
    assert {name: each["bytes"] for name, each in found["beside"].items()} == {"python standard library": 40}
    assert found["bytes"] == sum(len(text.text) for text in few_texts)


def test_when_time_is_over_libraries_are_left_out_and_our_own_code_is_read(
    few_texts, monkeypatch, examinee, examined_base
):
    monkeypatch.setattr(
        "codelm.evaluation.tasks.forgetting.local", lambda: [Text("c.py", "python", "library", "x = 1\n")]
    )
    found = general(examinee, examined_base, Deadline(0))
    assert sorted(found["by_source"]) == ["own python", "own rust"]
    assert found["beside"] == {"library": None}
    assert found["base"] > 0


@pytest.mark.parametrize("length", [2, 9, 1000])
def test_parts_hold_the_whole_text_each_behind_the_token_that_begins_one(examined_base, length):
    text = "fn añb() {}\n" * 3
    parts = parts_of(text, examined_base, length)
    assert all(part[0] == 0 and 1 < len(part) <= length for part in parts)
    assert examined_base.decode([token for part in parts for token in part[1:]]) == text


def test_a_tokenizer_without_an_end_of_text_has_parts_without_one(examined_base, monkeypatch):
    monkeypatch.setattr(examined_base, "sentinels", {})
    assert [len(part) for part in parts_of("abcdefg", examined_base, 3)] == [3, 3, 1]
    assert parts_of("", examined_base, 3) == []
