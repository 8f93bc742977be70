import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from codelm.modules.losses import token_nll, weighted_nll_sum


@pytest.fixture
def example():
    """Hidden states [2, 9, 8], a head [50, 8] with bias, labels with gaps and uneven weights."""
    torch.manual_seed(0)
    labels = torch.randint(50, (2, 9))
    labels[0, 3:5] = labels[1, 7] = -100
    tensors = torch.randn(2, 9, 8), torch.randn(50, 8), torch.randn(50)
    return [tensor.double().requires_grad_() for tensor in tensors], labels, torch.rand(2, 9)


def reference(hidden, head, bias, labels, weights):
    logits = (hidden @ head.T + bias)[:, :-1].flatten(0, 1)
    nll = cross_entropy(logits, labels[:, 1:].flatten(), reduction="none", ignore_index=-100)
    return nll @ weights[:, 1:].flatten().to(nll.dtype)


@pytest.mark.parametrize("chunk_elements", [1, 150, 2**24])
def test_value_and_gradients_are_those_of_the_full_logits(example, chunk_elements):
    (hidden, head, bias), labels, weights = example
    expected = reference(hidden, head, bias, labels, weights)
    loss = weighted_nll_sum(hidden, head, labels, weights, head_bias=bias, chunk_elements=chunk_elements)
    torch.testing.assert_close(loss, expected)
    wanted = torch.autograd.grad(3 * expected, (hidden, head, bias))
    torch.testing.assert_close(torch.autograd.grad(3 * loss, (hidden, head, bias)), wanted)


def test_a_frozen_head_gets_no_gradient_and_changes_nothing(example):
    (hidden, head, bias), labels, weights = example
    wanted = torch.autograd.grad(reference(hidden, head, bias, labels, weights), hidden)
    frozen = head.detach()
    loss = weighted_nll_sum(hidden, frozen, labels, weights, head_bias=bias.detach())
    torch.testing.assert_close(torch.autograd.grad(loss, hidden), wanted)
    assert frozen.grad is None


def test_nothing_to_learn_is_zero_with_a_gradient_of_zero(example):
    (hidden, head, _), labels, weights = example
    loss = weighted_nll_sum(hidden, head, torch.full_like(labels, -100), weights)
    loss.backward()
    assert loss == 0
    assert not hidden.grad.any()
    assert not head.grad.any()


def test_a_label_without_weight_is_not_learned(example):
    (hidden, head, _), labels, weights = example
    silent = labels.clone()
    silent[0, 1:4] = -100
    weights[0, 1:4] = 0
    torch.testing.assert_close(
        weighted_nll_sum(hidden, head, labels, weights), weighted_nll_sum(hidden, head, silent, weights)
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_autocast_computes_narrow_and_sums_wide(example, dtype):
    (hidden, head, bias), labels, weights = example
    hidden, head = hidden.detach().float().requires_grad_(), head.detach().float().requires_grad_()
    expected = reference(hidden, head, 0 * bias.float(), labels, weights)
    with torch.autocast("cpu", getattr(torch, dtype)):
        loss = weighted_nll_sum(hidden, head, labels, weights)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=2e-2, atol=0)
    wanted = torch.autograd.grad(expected, (hidden, head))
    torch.testing.assert_close(torch.autograd.grad(loss, (hidden, head)), wanted, rtol=0.1, atol=0.1)


def test_validation_makes_no_gradients(example):
    (hidden, head, _), labels, weights = example
    with torch.no_grad(), shapes_made() as shapes:
        loss = weighted_nll_sum(hidden, head, labels, weights)
    assert not loss.requires_grad
    assert head.shape not in shapes


def test_the_full_logits_never_exist(example):
    (hidden, head, _), labels, weights = example
    with shapes_made() as shapes:
        weighted_nll_sum(hidden, head, labels, weights, chunk_elements=150).backward()
    positions = {tuple(shape[:-1]) for shape in shapes if shape[-1:] == head.shape[:1]} - {(), head.shape[1:]}
    assert positions == {(3,), (1,)}  # 13 learned positions, three at a time


def shapes_made():
    """Watch which shapes every operation returns."""

    class Watch(TorchDispatchMode):
        def __enter__(self):
            super().__enter__()
            self.seen = []
            return self.seen

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                self.seen.append(result.shape)
            return result

    return Watch()


@pytest.mark.parametrize("chunk_elements", [1, 150, 2**24])
def test_the_nll_of_each_token_is_that_of_the_full_logits(example, chunk_elements):
    (hidden, head, bias), labels, _ = example
    logits = (hidden @ head.T + bias)[:, :-1]
    wanted = cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="none", ignore_index=-100)
    found = token_nll(hidden, head, labels, head_bias=bias, chunk_elements=chunk_elements)
    assert (found.dtype, found.shape) == (torch.float32, labels.shape)
    torch.testing.assert_close(found[:, 1:], wanted.view(2, 8).float())
    assert not found[:, 0].any()
    assert not found[labels == -100].any()
    assert not found.requires_grad


def test_the_nlls_of_tokens_sum_to_the_loss(example):
    (hidden, head, bias), labels, weights = example
    total = (token_nll(hidden, head, labels, head_bias=bias) * weights).sum()
    loss = weighted_nll_sum(hidden, head, labels, weights, head_bias=bias)
    torch.testing.assert_close(total, loss.float())


def test_without_labels_every_nll_is_zero(example):
    (hidden, head, _), labels, _ = example
    assert not token_nll(hidden, head, torch.full_like(labels, -100)).any()


def test_where_a_label_is_chosen_among_a_few_tokens_the_others_are_ruled_out(example):
    tensors, labels, _ = example
    hidden, head, bias = (tensor.detach() for tensor in tensors)
    labels[0, 1], labels[1, 5] = 7, 30
    choices = {(0, 1): [7, 8, 9], (1, 5): [30]}
    found = token_nll(hidden, head, labels, head_bias=bias, choices=choices)
    plain = token_nll(hidden, head, labels, head_bias=bias)
    logits = (hidden[0, 0] @ head.T + bias)[[7, 8, 9]]
    assert found[0, 1] == pytest.approx(float(-logits.log_softmax(0)[0]), abs=1e-5)
    assert found[1, 5] == pytest.approx(0.0, abs=1e-5)
    changed = (found != plain).nonzero().tolist()
    assert changed == [[0, 1], [1, 5]]
