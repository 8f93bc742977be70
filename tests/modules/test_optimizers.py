import pytest


def test_matrices_decay_and_vectors_do_not():
    from torch import nn

    from codelm.modules.optimizers import build_optimizer

    parameters = list(nn.Linear(3, 2).parameters())
    optimizer = build_optimizer("adamw", parameters, learning_rate=0.1, weight_decay=0.5)
    decay = {group["params"][0].ndim: group["weight_decay"] for group in optimizer.param_groups}
    assert decay == {2: 0.5, 1: 0.0}


def test_the_paged_optimizer_is_refused_without_a_gpu():
    from torch import nn

    from codelm.errors import InputError
    from codelm.modules.optimizers import build_optimizer

    with pytest.raises(InputError, match="needs a CUDA GPU"):
        build_optimizer("paged_adamw_8bit", [nn.Parameter()], learning_rate=0.1, weight_decay=0)


def test_a_schedule_without_warmup_begins_at_the_top():
    from codelm.modules.optimizers import warmup_cosine

    assert warmup_cosine(0, total=10, warmup=0.0) == 1


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_runs_learn_in_every_step(total):
    from codelm.modules.optimizers import warmup_cosine

    assert all(warmup_cosine(step, total=total, warmup=0.1) > 0 for step in range(total))


def test_the_gradient_norm_is_that_of_all_gradients_together():
    import torch
    from torch import nn

    from codelm.modules.optimizers import gradient_norm

    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(3)]
    parameters[0].grad, parameters[1].grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert gradient_norm(parameters) == 5
