from contextlib import suppress

import pytest
import torch

from codelm.errors import DamagedDataError
from codelm.runs.weights import set_weights, weights_set


@pytest.fixture
def module(make_module):
    found = make_module()
    found.configure_model()
    return found


def ones(module):
    return {name: torch.ones_like(weight) for name, weight in module.trained()}


def test_weights_are_set_for_the_length_of_a_block(module):
    before = {name: weight.detach().clone() for name, weight in module.trained()}
    with suppress(KeyError), weights_set(module, ones(module)):
        within = {name: weight.detach().clone() for name, weight in module.trained()}
        raise KeyError
    assert all((weight == 1).all() for weight in within.values())
    assert all(torch.equal(weight, before[name]) for name, weight in module.trained())


def test_weights_are_set_for_good(module):
    set_weights(module, ones(module))
    assert all((weight == 1).all() for _, weight in module.trained())


def test_missing_weights_are_named(module):
    with pytest.raises(DamagedDataError, match=r"lacks \d+ trained weights"):
        set_weights(module, {})
