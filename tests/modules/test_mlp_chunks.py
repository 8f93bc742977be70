"""Feed-forward parts computed by chunk give what whole ones give, and keep nothing but their input."""

import copy

import pytest
import torch

from codelm.modules import LoRA
from codelm.modules.base_model import checkpoint_activations
from codelm.modules.mlp_chunks import chunk_mlps


@pytest.fixture
def models(adapted):
    """Return a function that makes a training model twice: with whole feed-forward parts, and with split ones."""

    def make(chunk_tokens, **lora):
        found = [adapted(gradient_checkpointing=False, lora=LoRA(r=4, **{"dropout": 0.0, **lora})) for _ in range(2)]
        for model in found:
            for name, parameter in model.trained():
                torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(len(name)))
        assert chunk_mlps(found[1].model, chunk_tokens=chunk_tokens) == found[0].language_model.config.num_hidden_layers
        for model in found:
            checkpoint_activations(model.language_model)
        return found

    return make


def loss_and_gradients(model, batch, seed=3):
    torch.manual_seed(seed)
    loss, _ = model.weighted_nll(batch)
    return loss.detach(), torch.autograd.grad(loss, [parameter for _, parameter in model.trained()])


@pytest.mark.parametrize("chunk_tokens", [7, 32, 64, 100])
def test_loss_and_gradients_are_those_of_whole_parts(models, make_batch, chunk_tokens):
    (loss, gradients), (other, others) = (
        loss_and_gradients(each, make_batch([20, 12], [32])) for each in models(chunk_tokens)
    )
    torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
    for one, two in zip(others, gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-5 * float(two.abs().max()))


def test_under_autocast_they_are_as_near_to_exact_ones(models, make_batch):
    whole, split = models(7)
    batch = make_batch([20, 12], [32])
    _, exact = loss_and_gradients(whole, batch)
    with torch.autocast("cpu", torch.bfloat16):
        (_, gradients), (_, others) = (loss_and_gradients(each, batch) for each in (whole, split))

    def distance(some):
        return sum(float((one - other).square().sum()) for one, other in zip(some, exact, strict=True)) ** 0.5

    assert distance(others) < 1.5 * distance(gradients)


def test_dropout_draws_the_same_in_the_backward_pass(models, make_batch):
    """Else the gradient is not that of the loss: what the loss changes by, along it, says so."""
    _, model = models(9, dropout=0.3)
    batch = make_batch([20, 12], [32])
    _, gradients = loss_and_gradients(model, batch)
    norm = sum(float(each.square().sum()) for each in gradients) ** 0.5
    step = 1e-3 / norm
    losses = []
    for sign in (1, -1):
        for (_, parameter), gradient in zip(model.trained(), gradients, strict=True):
            parameter.data.add_(gradient, alpha=sign * step)
        losses.append(float(loss_and_gradients(model, batch)[0].double()))
        for (_, parameter), gradient in zip(model.trained(), gradients, strict=True):
            parameter.data.sub_(gradient, alpha=sign * step)
    assert (losses[0] - losses[1]) / 2 == pytest.approx(step * norm**2, rel=0.02)


def test_another_seed_draws_otherwise_and_random_numbers_go_on_behind_the_step(models, make_batch):
    _, split = models(9, dropout=0.3)
    batch = make_batch([32])
    first, other = (loss_and_gradients(split, batch, seed)[0] for seed in (3, 4))
    assert first != other
    loss_and_gradients(split, batch)
    after = torch.rand(())
    torch.manual_seed(3)
    split.weighted_nll(batch)
    assert torch.rand(()) == after  # the backward pass has used up none


def test_each_chunk_is_computed_once_in_either_pass(models, make_batch, monkeypatch):
    _, model = models(16)
    calls = []
    part = model.language_model.model.layers[0].mlp
    whole = part.forward.whole
    monkeypatch.setattr(part.forward, "whole", lambda x: calls.append(len(x[0])) or whole(x))
    loss_and_gradients(model, make_batch([32], [32]))
    assert calls == [16] * 8  # 64 tokens, forward and backward: a checkpoint does not compute them a third time


def test_few_tokens_are_computed_as_ever(models, make_batch):
    whole, split = models(64)
    batch = make_batch([32], [32])
    assert loss_and_gradients(whole, batch)[0] == loss_and_gradients(split, batch)[0]


def test_without_gradients_nothing_changes(models, make_batch):
    whole, split = models(5)
    batch = make_batch([20, 12], [32])
    with torch.no_grad():
        torch.testing.assert_close(split(batch), whole(batch), rtol=1e-5, atol=1e-6)


def test_parameters_learn_also_from_an_input_without_a_gradient():
    torch.manual_seed(0)
    whole, x = torch.nn.Linear(8, 8), torch.randn(1, 10, 8)
    model = torch.nn.ModuleDict({"mlp": copy.deepcopy(whole)})
    chunk_mlps(model, chunk_tokens=4)
    for part in (whole, model["mlp"]):
        part(x).square().sum().backward()
    torch.testing.assert_close(model["mlp"].weight.grad, whole.weight.grad)
