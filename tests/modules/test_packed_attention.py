"""Attention by sample gives what attention under a mask gives, also where a layer does not see all of a sample."""

import pytest
import torch
from transformers import AutoConfig
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

from codelm.modules.decoder import packed_states, states_by_sample
from codelm.modules.packed_attention import BY_SAMPLE, arguments_by_sample, longest_seen
from codelm.modules.small_model import small_model


def a_model(family, **settings):
    return small_model(family, AutoConfig.for_model(family, **settings), BY_SAMPLE)


def small_ids(batch):
    """A small model has a small vocabulary."""
    return batch | {"input_ids": batch["input_ids"] % 128}


def states_and_gradients(states, model, batch):
    model.zero_grad()
    found = states(model.get_decoder(), batch)
    (found * torch.linspace(-1, 1, found.numel()).view_as(found)).sum().backward()
    return found.detach(), {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }


@pytest.mark.parametrize("lengths", [([10, 1, 15], [32]), ([32], [32]), ([1] * 32,)], ids=str)
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("starcoder2", {}),
        ("llama", {"num_key_value_heads": 8}),
        ("gemma3_text", {}),
        ("mistral", {"sliding_window": 12}),
    ],
    ids=["starcoder2", "grouped heads", "gemma", "window"],
)
def test_states_and_gradients_are_those_under_a_mask(make_batch, family, settings, lengths):
    model, batch = a_model(family, **settings), small_ids(make_batch(*lengths))
    by_sample, its_gradients = states_and_gradients(states_by_sample, model, batch)
    masked, gradients = states_and_gradients(packed_states, model, batch)
    torch.testing.assert_close(by_sample, masked, rtol=1e-4, atol=1e-4)
    assert its_gradients.keys() == gradients.keys()
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(its_gradients[name], gradient, rtol=1e-3, atol=1e-5 * largest)


def test_no_mask_as_large_as_the_square_of_a_row_is_made(make_batch, monkeypatch):
    model, batch = a_model("starcoder2"), small_ids(make_batch([10, 15]))

    def refuse(*arguments, **settings):
        raise AssertionError("a mask was made")

    monkeypatch.setitem(ALL_MASK_ATTENTION_FUNCTIONS, BY_SAMPLE, refuse)
    states_by_sample(model.get_decoder(), batch)
    with pytest.raises(AssertionError, match="a mask was made"):
        packed_states(model.get_decoder(), batch)


@pytest.mark.parametrize(
    ("family", "settings", "longest"),
    [
        ("llama", {}, None),
        ("starcoder2", {"sliding_window": 4096}, 4096),
        ("mistral", {"sliding_window": None}, None),
        ("llama4_text", {"attention_chunk_size": 8192}, 8192),
    ],
)
def test_how_far_back_a_layer_sees(family, settings, longest):
    assert longest_seen(AutoConfig.for_model(family, **settings)) == longest


def test_samples_of_all_lengths_are_padded_to_few_lengths_by_a_third_at_most():
    lengths = range(1, 4097)
    borders = [0, *torch.tensor(lengths).cumsum(0).tolist()]
    groups = arguments_by_sample(borders, torch.device("cpu"))["samples"].groups
    assert sum(count for count, _ in groups) == len(lengths)
    assert len(groups) <= 12
    assert sum(count * length for count, length in groups) < 1.2 * sum(lengths)
    assert max(padded for _, padded in groups) == 4096
