import math

import pytest

from codelm.evaluation.general import Text
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.forgetting import forgetting, own_bits_per_byte, token_chunks
from codelm.evaluation.time_budget import TimeBudget


def test_the_figures_are_those_of_the_texts_scored_chunk_by_chunk(few_texts, evaluated, encoder):
    found = forgetting(evaluated, encoder, TimeBudget(600))
    chunks = [chunk for text in few_texts for chunk in token_chunks(text.text, encoder, evaluated.max_tokens)]
    tuned = sum(nll.sum() for nll in evaluated.token_nll(chunks)) / math.log(2) / found["bytes"]
    assert found["tuned"] == pytest.approx(tuned)
    assert found["forgetting_percent"] == pytest.approx(100 * (found["tuned"] / found["base"] - 1))
    assert own_bits_per_byte(evaluated, encoder) == pytest.approx(found["tuned"])
    with evaluated.as_base():
        assert own_bits_per_byte(evaluated, encoder) == pytest.approx(found["base"])


def test_a_wrong_adapter_has_forgotten_and_none_has_not(few_texts, make_evaluated, encoder, learned_base):
    wrong = make_evaluated(scale=3.0, base=learned_base)
    assert forgetting(wrong, encoder, TimeBudget(600))["forgetting_percent"] > 5
    assert forgetting(make_evaluated(scale=0), encoder, TimeBudget(600))["forgetting_percent"] == 0


def test_sources_come_apart_and_libraries_do_not_count_as_own_texts(few_texts, monkeypatch, evaluated, encoder):
    library = Text("c.py", "python", "python standard library", "import os\n" * 4)
    monkeypatch.setattr("codelm.evaluation.tasks.forgetting.library_texts", lambda: [library])
    found = forgetting(evaluated, encoder, TimeBudget(600))
    own = {text.source: len(text.text) for text in few_texts}
    assert {name: each["bytes"] for name, each in found["by_source"].items()} == own
    assert {name: each["bytes"] for name, each in found["beside"].items()} == {"python standard library": 40}
    assert found["bytes"] == sum(len(text.text) for text in few_texts)


@pytest.mark.parametrize("read", [1, 2, 3])
def test_as_many_files_are_read_as_there_is_time_for(few_texts, monkeypatch, evaluated, encoder, read):
    library = Text("c.py", "python", "library", "x = 1\n")
    monkeypatch.setattr("codelm.evaluation.tasks.forgetting.library_texts", lambda: [library])
    whole = forgetting(evaluated, encoder, TimeBudget(600))
    evaluated.in_time = lambda items, measure, budget: [measure(item) for item in items[:read]]
    found = forgetting(evaluated, encoder, TimeBudget(600))
    assert [sum(each[key] for each in found["files"].values()) for key in ("read", "of")] == [read, 3]
    assert len(found["by_source"]) == min(read, 2)
    assert found["beside"] == (whole["beside"] if read == 3 else {"library": None})
    assert found["by_source"].items() <= whole["by_source"].items()


def test_without_time_nothing_is_known_of_general_code(few_texts, evaluated, encoder):
    with pytest.raises(UnmeasuredError, match=r"no time was left to read general code: raise evaluation.minutes"):
        forgetting(evaluated, encoder, TimeBudget(0))


@pytest.mark.parametrize("length", [2, 9, 1000])
def test_chunks_hold_the_whole_text_each_after_the_token_that_begins_a_text(encoder, length):
    text = "fn añb() {}\n" * 3
    chunks = token_chunks(text, encoder, length)
    assert all(chunk[0] == 0 and 1 < len(chunk) <= length for chunk in chunks)
    assert encoder.decode([token for chunk in chunks for token in chunk[1:]]) == text


def test_a_tokenizer_without_an_end_of_text_has_chunks_without_one(encoder, monkeypatch):
    monkeypatch.setattr(encoder, "special_ids", {})
    assert [len(chunk) for chunk in token_chunks("abcdefg", encoder, 3)] == [3, 3, 1]
    assert token_chunks("", encoder, 3) == []
