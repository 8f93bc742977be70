import pytest
import torch

from codelm.batch import IGNORE, WeightedTokens, collate, learned_labels, learned_weights


@pytest.fixture
def batch():
    """Rows of three and of one token, packed from samples of two, one and one."""
    samples = [([7, 8], [1.0, 0.5]), ([9], [1.0]), ([6], [0.0])]
    first, second, third = (WeightedTokens(torch.tensor(ids), torch.tensor(weights)) for ids, weights in samples)
    return collate([[first, second], [third]])


def test_rows_are_padded_to_the_longest_and_the_padding_is_a_sample_of_its_own(batch):
    assert batch["input_ids"].tolist() == [[7, 8, 9], [6, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert batch["weights"].tolist() == [[1.0, 0.5, 1.0], [0.0, 0.0, 0.0]]


def test_tokens_with_a_weight_are_labels(batch):
    assert batch["labels"].tolist() == [[7, 8, 9], [-100, -100, -100]]


def test_the_first_token_of_a_sample_is_not_learned(batch):
    assert learned_labels(batch).tolist() == [[-100, 8, -100], [-100, -100, -100]]
    assert learned_weights(batch).tolist() == [[0.0, 0.5, 0.0], [0.0, 0.0, 0.0]]


def test_labels_that_are_ignored_have_no_weight(batch):
    batch["labels"][0, 1] = IGNORE
    assert not learned_weights(batch).any()
