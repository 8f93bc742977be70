import pytest
import torch
from torch import nn
from torch.optim import SGD

from codelm.errors import InputError
from codelm.modules.optimizers import build_optimizer, warmup_cosine


def test_matrices_decay_and_vectors_do_not():
    parameters = dict(nn.Linear(3, 2).named_parameters())
    optimizer = build_optimizer("adamw", parameters, learning_rate=0.1, weight_decay=0.5)
    decay = {group["params"][0].ndim: group["weight_decay"] for group in optimizer.param_groups}
    assert decay == {2: 0.5, 1: 0.0}


def test_some_parameters_learn_at_a_multiple_of_the_rate():
    names = ("layer.lora_A.weight", "layer.lora_B.weight", "layer.lora_B.bias")
    parameters = {name: nn.Parameter(torch.zeros(1, 1) if "weight" in name else torch.zeros(1)) for name in names}
    optimizer = build_optimizer("adamw", parameters, learning_rate=0.1, weight_decay=0.5, factors={"lora_B": 4.0})
    schedule = warmup_cosine(optimizer, total=10, warmup=0.2)
    found = [(group["params"], group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    a, b, bias = parameters.values()
    assert found == [([a], 0.05, 0.5), ([b], 0.2, 0.5), ([bias], 0.2, 0.0)]
    assert schedule.get_last_lr() == [0.05, 0.2, 0.2]


def test_the_paged_optimizer_is_refused_without_a_gpu():
    with pytest.raises(InputError, match="needs a CUDA GPU"):
        build_optimizer("paged_adamw_8bit", {"a": nn.Parameter()}, learning_rate=0.1, weight_decay=0)


@pytest.mark.parametrize(("total", "warmup"), [(1, 0.1), (2, 0.1), (3, 0.1), (10, 0.0)])
def test_a_schedule_learns_in_every_step_and_without_warmup_begins_at_the_top(total, warmup):
    schedule = warmup_cosine(SGD([nn.Parameter()], lr=1.0), total=total, warmup=warmup)
    factors = [schedule.lr_lambdas[0](step) for step in range(total)]
    assert all(factor > 0 for factor in factors)
    assert factors[0] == 1
