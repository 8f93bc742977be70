import pytest
from torch import nn
from torch.optim import SGD

from codelm.errors import InputError
from codelm.modules.optimizers import build_optimizer, warmup_cosine


def test_matrices_decay_and_vectors_do_not():
    parameters = list(nn.Linear(3, 2).parameters())
    optimizer = build_optimizer("adamw", parameters, learning_rate=0.1, weight_decay=0.5)
    decay = {group["params"][0].ndim: group["weight_decay"] for group in optimizer.param_groups}
    assert decay == {2: 0.5, 1: 0.0}


def test_the_paged_optimizer_is_refused_without_a_gpu():
    with pytest.raises(InputError, match="needs a CUDA GPU"):
        build_optimizer("paged_adamw_8bit", [nn.Parameter()], learning_rate=0.1, weight_decay=0)


@pytest.mark.parametrize(("total", "warmup"), [(1, 0.1), (2, 0.1), (3, 0.1), (10, 0.0)])
def test_a_schedule_learns_in_every_step_and_without_warmup_begins_at_the_top(total, warmup):
    schedule = warmup_cosine(SGD([nn.Parameter()], lr=1.0), total=total, warmup=warmup)
    factors = [schedule.lr_lambdas[0](step) for step in range(total)]
    assert all(factor > 0 for factor in factors)
    assert factors[0] == 1
