import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.metrics.likelihood import (
    Nll,
    bits_per_byte,
    byte_lengths,
    comparison,
    starts_new_line,
    sum_by_commit,
    token_nll,
)

TEXT = "fn ä() {\n    €;\n}\n"


def letters(text):
    return np.array([[place, place + 1] for place in range(len(text))], dtype=np.int64).reshape(-1, 2)


def nll(text, scored, base=1.0, tuned=0.5):
    ones = np.ones(len(text))
    return token_nll(text, letters(text), np.array(scored, dtype=bool), base * ones, tuned * ones)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_bytes_of_all_tokens_are_those_of_the_text(text):
    found = nll(text, [True] * len(text))
    assert found == Nll(len(text), 0.5 * len(text), len(text), len(text.encode()))
    assert byte_lengths(text).sum() == len(text.encode())


def test_only_scored_tokens_count_with_the_bytes_they_cover():
    assert nll("aä€", [True, False, True]) == Nll(2.0, 1.0, 2, 4)
    assert nll("aä€", [False] * 3) == Nll()


def test_tokens_that_share_a_character_cover_it_once():
    spans = np.array([[0, 1], [1, 2], [1, 2], [1, 2]])
    found = token_nll("a€", spans, np.array([False, True, True, True]), np.ones(4), np.ones(4))
    assert (found.tokens, found.bytes) == (3, 3)


def test_a_token_belongs_to_the_line_on_which_it_begins():
    new = starts_new_line(TEXT, letters(TEXT), {"€;", ""})
    assert "".join(letter for letter, is_new in zip(TEXT, new, strict=True) if is_new) == "fn ä() {\n}\n"
    across = np.array([[0, 8], [8, 13], [13, 18]])  # the second joins a line end to the indentation behind it
    assert starts_new_line(TEXT, across, {"€;"}).tolist() == [True, True, False]


def test_white_space_around_a_line_makes_it_no_other_line():
    text = "  a();  \n\tb();\n"
    assert not starts_new_line(text, letters(text), {"a();", "b();"}).any()


def test_nlls_of_a_commit_are_summed_in_the_order_of_commits():
    found = sum_by_commit([(7, Nll(1, 2, 3, 4)), (3, Nll(1, 1, 1, 1)), (7, Nll(1, 2, 3, 4))])
    assert list(found.items()) == [(7, Nll(2, 4, 6, 8)), (3, Nll(1, 1, 1, 1))]


def test_bits_per_byte_and_perplexity_come_from_the_same_sum():
    found = comparison([Nll(10.0, 8.0, 5, 20), Nll(30.0, 22.0, 15, 60), Nll()])
    assert found["commits"] == 2
    assert found["base"] == pytest.approx(40 / math.log(2) / 80) == bits_per_byte(40, 80)
    assert found["tuned"] == pytest.approx(30 / math.log(2) / 80)
    assert found["change_percent"] == pytest.approx(-25)
    assert (found["perplexity_base"], found["perplexity_tuned"]) == (math.exp(2), math.exp(1.5))
    assert found["interval"] is None


def test_thirty_commits_have_an_interval_around_the_change():
    nlls = [Nll(10.0 + number % 3, 8.0 + number % 5, 5, 20) for number in range(30)]
    found = comparison(nlls)
    low, high = found["interval"]
    assert low < found["change_percent"] < high < 0
    assert comparison(nlls[:29])["interval"] is None


def test_the_likelihood_of_nothing_is_none_and_a_hopeless_model_s_is_a_number():
    assert comparison([]) is None
    assert comparison([Nll()]) is None
    assert math.isfinite(comparison([Nll(1e9, 1e9, 1, 1)])["perplexity_tuned"])
