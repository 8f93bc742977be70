import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.history.epochs.packing import pack

MAX_TOKENS = 64
LENGTHS = st.lists(st.integers(1, MAX_TOKENS), max_size=200)


@given(LENGTHS)
def test_every_sample_is_in_one_row_and_no_row_overflows_and_no_two_would_fit_into_one(lengths):
    rows = pack(lengths, MAX_TOKENS)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    used = sorted(sum(lengths[index] for index in row) for row in rows)
    assert all(length <= MAX_TOKENS for length in used)
    assert len(used) < 2 or used[0] + used[1] > MAX_TOKENS


def test_rows_of_real_lengths_are_at_least_99_percent_full():
    lengths = np.minimum(np.random.default_rng(0).lognormal(6, 1, 300).astype(int) + 1, 4096)
    assert lengths.sum() / (len(pack(lengths, 4096)) * 4096) >= 0.95
    many = np.tile(lengths, 10)
    assert many.sum() / (len(pack(many, 4096)) * 4096) >= 0.99


@pytest.mark.parametrize("length", [4095, 4096])
def test_a_sample_as_long_as_a_row_has_it_to_itself(length):
    assert pack([length, 2], 4096) == [[0], [1]]


def test_a_sample_longer_than_a_row_is_refused():
    with pytest.raises(ValueError, match="4097 tokens does not fit a row of 4096"):
        pack([1, 4097], 4096)
