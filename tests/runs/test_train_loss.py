from types import SimpleNamespace

import pytest


def test_the_mean_training_loss_is_over_weights_and_not_over_batches(make_rows):
    import torch

    from codelm.runs.train_loss import TrainLoss

    small, large = make_rows(2)
    small["weights"] = small["weights"] / 3
    small["step_weight"] = small["weights"][:, 1:].sum()
    loss = TrainLoss()
    assert loss.mean is None
    loss.add(torch.tensor(4.0), small)
    loss.add(torch.tensor(1.0), large)
    weights = float(small["step_weight"]), float(large["step_weight"])
    assert loss.mean == pytest.approx((4 * weights[0] + weights[1]) / sum(weights), rel=1e-6)
    loss.reset()
    assert loss.mean is None


def test_the_mean_training_loss_is_that_of_all_processes(make_rows):
    import torch

    from codelm.runs.train_loss import TrainLoss

    (batch,) = make_rows(1)
    loss = TrainLoss()
    loss.add(torch.tensor(4.0), batch)
    of_another = 2 * loss.sums * torch.tensor([0.25, 1.0])

    class Strategy:
        root_device = torch.device("cpu")

        def reduce(self, values, reduce_op):
            return values + of_another

    loss.gather(SimpleNamespace(strategy=Strategy()))
    assert loss.mean == pytest.approx(2.0)


def test_the_sums_of_a_checkpoint_follow_the_batches_to_their_device(make_rows):
    import torch

    from codelm.runs.train_loss import TrainLoss

    loss = TrainLoss()
    loss.sums = torch.ones(2)
    (batch,) = make_rows(1)
    loss.add(torch.ones((), device="meta"), {name: tensor.to("meta") for name, tensor in batch.items()})
    assert loss.sums.device.type == "meta"
